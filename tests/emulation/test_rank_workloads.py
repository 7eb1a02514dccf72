"""A scenario with every workload that has ranks, from end to end, through the command line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulation.test_experiments import run_scenario

pytestmark = pytest.mark.on_host


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Any:
    """One run of all of them, with a span cut in the middle."""
    seed = str(pytestconfig.getoption("--guest-seed"))
    out = tmp_path_factory.mktemp("collectives")
    run = run_scenario("collectives.yaml", out, "--seed", seed)
    return run["policies"]["fast-reroute"]


def test_collectives_are_right_and_stay_above_their_bound(figures: Any) -> None:
    found = figures["collectives"] | figures["checkpoints"] | figures["ingests"]
    assert set(found) == {"reduce", "experts", "save", "shards"}
    for workload in found.values():
        sizes = [size for phase in workload["phases"].values() for size in phase]
        assert any(size["iterations"] for size in sizes)
        for size in sizes:
            assert size["wrong"] == 0
            assert size["sent_bytes"] >= size["received_bytes"]
            if not size["unfinished"]:
                assert size["sent_bytes"] == size["received_bytes"]
            if size["iterations"]:
                assert size["ratio"] > 0.99
                assert size["busbw_mbps"] > 0
    assert [size["size_bytes"] for size in found["reduce"]["phases"]["before"]] == [10_000, 40_000]
    assert found["experts"]["redop"] == "none"


def test_training_loops_report_what_their_communication_costs(figures: Any) -> None:
    loops = figures["training_loops"]
    assert set(loops) == {"buckets", "outer", "streaming", "stages"}
    for phases in loops.values():
        before = phases["before"]
        assert before["finished"] > 3
        assert before["wrong"] == 0
        assert 0 < before["goodput"] < 1
        assert before["exposed_mean_ms"] > 0
        assert before["step_ratio"] > 0.95
    assert loops["outer"]["before"]["goodput"] > loops["stages"]["before"]["goodput"]


def test_an_incast_takes_at_least_what_the_receivers_line_carries(figures: Any) -> None:
    before = figures["incasts"]["answers"]["before"]
    assert before["bursts"] == 6
    assert before["unfinished"] == 0
    assert before["ratio"] > 1
    assert before["sent_bytes"] == before["received_bytes"] == 6 * 3 * 10_000
