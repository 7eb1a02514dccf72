"""When faults happen and what they hit, without a network."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.faults import Step, schedule
from experiments.faults.conduit_cut import ConduitCut
from experiments.faults.cutting import Visibility
from experiments.faults.kind import FaultFields
from experiments.faults.node_down import NodeDown, SiteDown
from experiments.faults.random_cuts import RandomCuts
from experiments.faults.span_flap import SpanFlap
from experiments.faults.span_loss import gilbert
from topologies.load import load_topology
from topologies.plan import make_plan

PLAN = make_plan(load_topology("ai-backbone"))


def steps(fault: FaultFields, seed: int = 1, duration_s: float = 100) -> list[Step]:
    return schedule([fault], PLAN, duration_s, seed)[0]


def test_a_conduit_takes_all_its_spans() -> None:
    [cut] = steps(ConduitCut(kind="conduit-cut", conduit="northern-rail", at_s=1))
    assert set(cut.spans) == {s.id for s in PLAN.spans if "northern-rail" in s.conduits}
    assert len(cut.spans) > 1


def test_a_node_takes_all_its_spans_and_a_site_all_its_nodes() -> None:
    [node] = steps(NodeDown(kind="node-down", switch="london", at_s=1))
    assert set(node.spans) == {s.id for s in PLAN.spans if "london" in (s.a.switch, s.b.switch)}
    [site] = steps(SiteDown(kind="site-down", site="london", at_s=1))
    assert set(site.spans) >= set(node.spans)


@given(
    period_ms=st.integers(1, 500),
    share=st.floats(0.05, 0.95),
    length_ms=st.integers(1, 3000),
)
def test_a_flapping_span_is_mended_as_often_as_it_is_cut_and_in_the_end(
    period_ms: int, share: float, length_ms: int
) -> None:
    fault = SpanFlap(
        kind="span-flap", span=PLAN.spans[0].id, at_s=1, repair_at_s=1 + length_ms / 1000,
        period_s=period_ms / 1000, down_share=share, visibility=Visibility.SILENT,
    )  # fmt: skip
    found = steps(fault)
    assert [step.name for step in found] == ["cut", "mend"] * (len(found) // 2)
    assert found[-1].at_ns <= round(fault.repair_at_s * 1e9)  # type: ignore[operator]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_random_cuts_never_hit_a_span_that_is_cut(seed: int) -> None:
    cut: set[str] = set()
    for step in steps(RandomCuts(kind="random-cuts"), seed=seed):
        if step.name == "cut":
            assert not cut & set(step.spans)
            cut |= set(step.spans)
        else:
            cut -= set(step.spans)


def test_random_cuts_are_as_many_and_as_long_as_declared() -> None:
    fault = RandomCuts(kind="random-cuts", years=2, visibility=Visibility.SILENT)
    found = [step for seed in range(30) for step in steps(fault, seed, duration_s=10_000)]
    cuts = [step for step in found if step.name == "cut"]
    km = sum(span.length_km or 0 for span in PLAN.spans)
    # A Poisson count, five deviations; a little fewer, for what is cut is not cut again.
    expected = 30 * 2 * 2.7 * km / 1000
    assert len(cuts) == pytest.approx(expected, abs=5 * expected**0.5 + 0.02 * expected)
    repair_s = [
        mend.at_ns / 1e9 - cut.at_ns / 1e9
        for seed in range(30)
        for cut, mend in _pairs(steps(fault, seed, duration_s=10_000))
    ]
    hours = sum(repair_s) / len(repair_s) * 2 * 365.25 * 24 / 10_000
    assert hours == pytest.approx(12, rel=5 / len(repair_s) ** 0.5)


def _pairs(found: list[Step]) -> list[tuple[Step, Step]]:
    ordered = sorted(found, key=lambda step: (step.spans, step.at_ns))
    # Each cut is followed by its mend, but for one that is never mended.
    pairs = itertools.pairwise(ordered)
    return [(cut, mend) for cut, mend in pairs if (cut.name, mend.name) == ("cut", "mend")]


def test_the_same_seed_cuts_the_same_fibres() -> None:
    fault = RandomCuts(kind="random-cuts")
    first, again, other = ([(s.at_ns, s.spans) for s in steps(fault, seed)] for seed in (1, 1, 2))
    assert first == again != other


def test_gilberts_model_has_the_declared_share_and_bursts() -> None:
    assert gilbert(0.25, None) == ("loss", "25.000000000%")
    _, _, begins, ends, *_ = gilbert(0.2, 5)
    p, r = float(begins.rstrip("%")) / 100, float(ends.rstrip("%")) / 100
    assert p / (p + r) == pytest.approx(0.2)
    assert 1 / r == pytest.approx(5)
