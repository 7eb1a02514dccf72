"""Which runs of iperf3 a bulk workload's schedule becomes, and what they received."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.phases import Phase
from experiments.workloads.bulk import KIND, BulkWorkload
from experiments.workloads.kind import Measured, Slot
from topologies.load import load_topology
from topologies.plan import make_plan
from traffic.describe import BulkClient

SECOND_NS = 10**9
PLAN = make_plan(load_topology("ring:3"), 1000)


def workload(**fields: object) -> BulkWorkload:
    given = {"name": "b", "kind": "bulk", "from": "n1-host1", "to": "n2-host1", **fields}
    return BulkWorkload.model_validate(given)


def clients(folder: Path, one: BulkWorkload) -> list[BulkClient]:
    slot = Slot(
        plan=PLAN, folder=folder, index=2, port=20_002, seed=0,
        start_at_ns=one.begins_ns(0), stop_at_ns=one.ends_ns(0, 10 * SECOND_NS),
        measured_from_ns=0, drained_at_ns=11 * SECOND_NS, borders_ns=(), exact_clock=True,
        prepared=folder,
    )  # fmt: skip
    processes = [found.process for found in KIND.processes(one, slot)]
    return [process for process in processes if isinstance(process, BulkClient)]


def spans(found: list[BulkClient]) -> list[tuple[int, int]]:
    return [
        ((one.start_at_ns or 0) // SECOND_NS, (one.stop_at_ns or 0) // SECOND_NS) for one in found
    ]


def test_without_a_schedule_one_run_makes_all_streams(tmp_path: Path) -> None:
    found = clients(tmp_path, workload(streams=4, start_s=2, stop_s=7))
    assert spans(found) == [(2, 7)]
    assert found[0].streams == 4


def test_a_ramp_starts_streams_one_after_another(tmp_path: Path) -> None:
    found = clients(tmp_path, workload(streams=3, ramp_s=6))
    assert spans(found) == [(0, 10), (2, 10), (4, 10)]
    assert {one.streams for one in found} == {1}
    assert len({one.to for one in found}) == 3  # a port, and so a server, for each


def test_on_and_off_are_runs_one_after_another(tmp_path: Path) -> None:
    assert spans(clients(tmp_path, workload(on_s=2, off_s=2, start_s=1))) == [
        (1, 3),
        (5, 7),
        (9, 10),
    ]


def test_the_warm_up_and_phases_are_read_from_the_receiver_s_intervals(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    intervals = [{"sum": {"start": n, "end": n + 1, "bytes": 125_000 * (n + 1)}} for n in range(10)]
    end = {"sum_sent": {"retransmits": 3}}
    for name, content in (("client", {"end": end, "intervals": []}),
                          ("server", {"end": {}, "intervals": intervals})):  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(content))
    trial = Measured(
        samples=tmp_path, plan=PLAN, start_ns=0, stop_ns=10 * SECOND_NS,
        phases=(Phase("before", 2 * SECOND_NS, 4 * SECOND_NS),
                Phase("during", 4 * SECOND_NS, 4_500_000_000)),
        steps=(), repairs_s=(), events=(),
    )  # fmt: skip
    figures = KIND.figures(trial, workload())
    # 1 Mbit/s in the first second, 2 in the next one, …
    assert figures["phases"]["before"]["goodput_mbps"] == pytest.approx(3.5)
    assert figures["phases"]["during"]["goodput_mbps"] == pytest.approx(5)
    assert figures["goodput_mbps"] == pytest.approx((3 + 4 + 2.5) / 2.5)
    assert figures["retransmits"] == 3


def test_a_transfer_that_did_not_finish_is_no_measurement(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    for name in ("client", "server"):
        (folder / f"{name}.json").write_text('{"status": "unfinished", "reason": "why"}')
    trial = Measured(
        samples=tmp_path, plan=PLAN, start_ns=0, stop_ns=SECOND_NS,
        phases=(Phase("before", 0, SECOND_NS),), steps=(), repairs_s=(), events=(),
    )  # fmt: skip
    with pytest.raises(ValueError, match="iperf3 did not finish: why"):
        KIND.figures(trial, workload())


@pytest.mark.parametrize(
    ("congestion", "marked_from_ms", "told"),
    [("dctcp", None, True), ("dctcp", 2.0, False), ("cubic", None, False), (None, None, False)],
)
def test_dctcp_without_marks_is_told(
    congestion: str | None, marked_from_ms: float | None, told: bool
) -> None:
    figures = {"congestion": congestion, "marked_from_ms": marked_from_ms}
    assert ("never mark" in KIND.note(figures)) == told
