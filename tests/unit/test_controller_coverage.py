"""Fast reroute's promise, asked of the very rules that are sent, without a switch.

Whatever one cut takes away (a span, or all spans of a conduit): every packet is
delivered if any path is left, with at most three labels; whatever is cut at once,
nothing loops.
"""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dataplane import DataPlane, Outcome
from controller.desired import Designer, Desired
from controller.policies import policy_named
from tests.unit.controller_plans import (
    Edge,
    healthy,
    parts,
    plan_of,
    single_failures,
    topohub_edges,
    traces,
)
from tests.unit.random_networks import two_connected
from topologies.load import catalogue_names, load_topology
from topologies.plan import NetworkPlan, make_plan

TOPOZOO = ["Abilene", "AttMpls", "Geant2012", "Bics", "Sprint", "Arnes", "Garr201201", "Chinanet"]


def designed(plan: NetworkPlan, protection: str = "conduit") -> Desired:
    return Designer(plan).desired(policy_named("fast-reroute", protection))


def assert_heals(plan: NetworkPlan, desired: Desired, failures: list[frozenset[str]]) -> None:
    """Every pair that a failure touches is delivered exactly if a path is left."""
    plane = DataPlane(plan, desired.rules)
    before = healthy(plan, plane)
    for failed in failures:
        part = parts(plan, failed)
        for source, target, trace in traces(plan, plane, failed, before):
            connected = part[source.port.switch] == part[target.port.switch]
            expected = Outcome.DELIVERED if connected else Outcome.DROPPED
            assert trace.outcome is expected, (sorted(failed), source.name, target.name, trace)
            assert trace.most_labels <= 3


def test_every_cut_of_the_ai_backbone_is_protected() -> None:
    assert designed(make_plan(load_topology("ai-backbone"))).shortfalls == ()


@pytest.mark.parametrize("name", [*catalogue_names(), "fat-tree:4", "dragonfly:a=3,h=1"])
def test_every_cut_of_our_own_topologies_heals(name: str) -> None:
    plan = make_plan(load_topology(name))
    assert_heals(plan, designed(plan), single_failures(plan))


@pytest.mark.parametrize("name", TOPOZOO)
def test_every_cut_of_a_real_network_heals(name: str) -> None:
    plan = plan_of(topohub_edges(f"topozoo/{name}", conduit_seed=1))
    assert any(len(failed) > 1 for failed in single_failures(plan))
    assert_heals(plan, designed(plan), single_failures(plan))


def test_a_repair_takes_at_most_as_many_labels_as_spans_fail_together() -> None:
    # Restoration by path concatenation (Afek et al. 2002): k failed spans, k labels.
    for name in TOPOZOO:
        alone = designed(plan_of(topohub_edges(f"topozoo/{name}")))
        assert alone.label_depths[1] > 0
        assert alone.label_depths[2:] == (0, 0)
        in_pairs = designed(plan_of(topohub_edges(f"topozoo/{name}", conduit_seed=1)))
        assert in_pairs.label_depths[3] == 0


# Its n3 gets to n2 around conduit x by four labels at the least.
FOUR_LABELS = [
    Edge("n0", "n1", 100),
    Edge("n1", "n2", 4000),
    Edge("n2", "n3", 300, ("x",)),
    Edge("n3", "n4", 300),
    Edge("n4", "n5", 200),
    Edge("n5", "n6", 300),
    Edge("n6", "n7", 4000),
    Edge("n7", "n0", 300),
    Edge("n7", "n1", 300, ("x",)),
    Edge("n5", "n0", 300, ("x",)),
    Edge("n6", "n4", 200, ("x",)),
]


def test_a_way_that_takes_too_many_labels_is_told_and_the_span_alone_protected() -> None:
    plan = plan_of(FOUR_LABELS)
    desired = designed(plan)
    told = [(s.site, s.span, s.destinations, s.protection) for s in desired.shortfalls]
    assert told == [("n3", "s2", ("n2",), "link")]
    assert_heals(plan, desired, [frozenset({span.id}) for span in plan.spans])


@pytest.mark.parametrize("at", ["n3", "n4", "n5"])
def test_a_longer_way_is_taken_if_the_shortest_needs_too_many_labels(at: str) -> None:
    plan = plan_of([*FOUR_LABELS, Edge(at, "n2", 20_000)])
    desired = designed(plan)
    assert desired.shortfalls == ()
    assert_heals(plan, desired, single_failures(plan))


@settings(max_examples=150, deadline=None)
@given(two_connected())
def test_every_cut_of_a_random_network_heals(edges: list[Edge]) -> None:
    plan = plan_of(edges)
    desired = designed(plan)
    if all(shortfall.protection == "none" for shortfall in desired.shortfalls):
        assert_heals(plan, desired, single_failures(plan))
        return
    # Where a conduit cannot be protected (its cut disconnects, or three labels do not
    # reach), it is said, and the span alone is.
    assert_heals(plan, desired, [f for f in single_failures(plan) if len(f) == 1])
    assert_unhealed_are_told(plan, desired)


def assert_unhealed_are_told(plan: NetworkPlan, desired: Desired) -> None:
    told = {(s.site, s.span, name) for s in desired.shortfalls for name in s.destinations}
    plane = DataPlane(plan, desired.rules)
    before = healthy(plan, plane)
    for failed in single_failures(plan):
        for source, target, trace in traces(plan, plane, failed, before):
            way = before[source.name + target.name]
            at = next(i for i, span in enumerate(way.spans) if span in failed)
            if (way.sites[at], way.spans[at], target.port.switch) not in told:
                assert trace.outcome is Outcome.DELIVERED
            assert trace.outcome is not Outcome.LOOPED


@settings(max_examples=150, deadline=None)
@given(two_connected(), st.data())
def test_nothing_loops_whatever_fails_at_once(edges: list[Edge], data: st.DataObject) -> None:
    plan = plan_of(edges)
    plane = DataPlane(plan, designed(plan).rules)
    before = healthy(plan, plane)
    names = st.sampled_from([span.id for span in plan.spans])
    failed = frozenset(data.draw(st.sets(names, min_size=2, max_size=5)))
    for _, _, trace in traces(plan, plane, failed, before):
        assert trace.outcome is not Outcome.LOOPED
        # A stretch of plain forwarding, at most three segments and the rest.
        assert len(trace.spans) <= 6 * len(plan.switches)


def test_two_conduits_of_one_span_are_protected_one_by_one_where_both_cannot_be() -> None:
    edges = [
        Edge("a", "b", 100, ("x", "y")),
        Edge("a", "c", 200, ("x",)),
        Edge("c", "b", 200),
        Edge("a", "d", 300, ("y",)),
        Edge("d", "b", 300),
    ]
    desired = designed(plan_of(edges))
    shortfall = next(s for s in desired.shortfalls if (s.site, s.span) == ("a", "s0"))
    assert (shortfall.destinations, shortfall.protection) == (("b",), "one-conduit")


def test_a_bridge_cannot_be_protected_and_that_is_said() -> None:
    plan = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("c", "d")])
    desired = designed(plan)
    told = {(s.site, s.span, s.destinations) for s in desired.shortfalls}
    assert told == {("c", "s3", ("d",)), ("d", "s3", ("a", "b", "c"))}
    assert_heals(plan, desired, single_failures(plan))


def test_rules_grow_with_the_destinations_not_with_the_failures() -> None:
    edges = [Edge(f"n{a}", f"n{b}") for a, b in nx.random_regular_graph(4, 40, seed=1).edges]
    counts = []
    for destinations in (10, 20, 40):
        desired = designed(plan_of(edges, [f"n{i}" for i in range(destinations)]))
        counts.append(max(len(rules.flows) for rules in desired.rules.values()))
    assert counts[2] < 40 * 4
    assert counts[2] - counts[1] < 3 * (counts[1] - counts[0])


def test_restoration_uses_the_best_paths_that_are_left() -> None:
    plan = make_plan(load_topology("ai-backbone"))
    designer = Designer(plan)
    policy = policy_named("restoration")
    for failed in single_failures(plan):
        left = plan.model_copy(update={"spans": tuple(s for s in plan.spans if s.id not in failed)})
        healthy(left, DataPlane(plan, designer.desired(policy, failed).rules))
