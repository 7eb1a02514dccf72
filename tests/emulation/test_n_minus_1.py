"""A sample of the N-1 study; `python -m tests.benchmarks.n_minus_1` does it all."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.n_minus_1 import MULTIPLIER, POLICY, SCALE, TIMERS, Failure, Study, failures
from tests.emulation.controlled_networks import controlled
from topologies.build import BfdTimers
from topologies.load import load_topology
from topologies.plan import make_plan

SAMPLE = ("oslo-lulea", "oslo")


def test_a_span_and_a_node_fail_and_every_promise_is_kept(tmp_path: Path) -> None:
    plan = make_plan(load_topology("ai-backbone"), scale=SCALE)
    all_of = [f for what in ("spans", "nodes") for f in failures(plan, what)]
    chosen: list[Failure] = [f for f in all_of if f.name in SAMPLE]
    with controlled(plan, POLICY, tmp_path, BfdTimers(10, MULTIPLIER), TIMERS) as running:
        study = Study(running, bfd_ms=10)
        for failure, silent in zip(chosen, (True, False), strict=True):
            result = study.trial(failure, silent)
            assert result.pairs > 0
            assert result.good(failure.covered), result
