"""Collectives and training loops in virtual time, where every duration has a closed form."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.emulation.collective_times import Case, mean_s, measure
from tests.emulation.stars import (
    SECOND_NS,
    ip,
    is_virtual_time,
    run_all,
    sleep_until,
    soon_ns,
    star,
    start,
)
from traffic.collectives.model import wire_bytes
from traffic.describe import TrainingRank
from traffic.logs import Step, read_steps
from traffic.loops.bound import data_parallel_s, diloco_s, pipeline_s

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not is_virtual_time(), reason="needs the guest: fibercut test"
)

RATE_MBPS, DELAY_MS = 100.0, 5.0


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[str]]:
    """Eight hosts of 100 Mbit/s, 5 ms from each other."""
    with star(8, RATE_MBPS, DELAY_MS) as found:
        yield found


@pytest.mark.parametrize(
    "case",
    [
        Case("all-reduce", "ring", 2, 10_000),
        Case("all-reduce", "ring", 3, 300_000),
        Case("all-reduce", "ring", 8, 80_000),
        Case("all-reduce", "halving-doubling", 8, 320_000),
        Case("all-reduce", "halving-doubling", 6, 96_000),
        Case("all-reduce", "double-tree", 4, 400_000),
        Case("all-reduce", "double-tree", 7, 280_000),
        Case("all-reduce", "hierarchical", 5, 200_000, groups=((0, 1, 2), (3, 4))),
        Case("all-reduce", "ring", 4, 400_000, connections=4),
        Case("all-to-all", "direct", 4, 400_000),
        Case("broadcast", "chain", 5, 400_000),
    ],
    ids=lambda case: f"{case.collective}-{case.algorithm}-{case.ranks}-{case.size}",
)
def test_a_collective_takes_the_time_of_the_model(
    tmp_path: Path, hosts: Sequence[str], case: Case
) -> None:
    logs = measure(case, hosts, tmp_path, iterations=4, warm_up=12)
    assert {(run.status, run.wrong) for log in logs for run in log} == {("ok", 0)}
    for runs in zip(*logs, strict=True):
        assert len({run.start_ns for run in runs}) <= case.ranks
        assert sum(run.sent_bytes for run in runs) == sum(run.received_bytes for run in runs)
    assert mean_s(logs) == pytest.approx(case.bound_s, rel=0.03)


def train(hosts: Sequence[str], out: Path, ranks: int, **options: Any) -> list[list[Step]]:
    peers = tuple(f"10.0.{number}.2:7000" for number in range(ranks))
    given: dict[str, Any] = {"verify": True, **options}
    run_all(
        [
            (host, TrainingRank(out=str(out / host), rank=rank, peers=peers, **given))
            for rank, host in enumerate(hosts[:ranks])
        ]
    )
    logs = [read_steps(out / host) for host in hosts[:ranks]]
    assert {(step.status, step.wrong) for log in logs for step in log} == {("ok", 0)}
    assert len({len(log) for log in logs}) == 1
    return logs


def step_s(logs: Sequence[Sequence[Step]], first: int) -> float:
    """The mean step of rank 0 from a step on."""
    took_ns = [(step.end_ns or 0) - step.start_ns for step in logs[0][first:]]
    return statistics.mean(took_ns) / SECOND_NS


def ring_s(size: int, ranks: int) -> float:
    return Case("all-reduce", "ring", ranks, size, RATE_MBPS, DELAY_MS).bound_s


def test_buckets_hide_in_the_backward_pass_what_fits(tmp_path: Path, hosts: Sequence[str]) -> None:
    options = {"bytes": 400_000, "compute_ms": 90.0, "steps": 14}
    at_once, in_parts = (
        step_s(train(hosts, tmp_path, 2, buckets=buckets, **options), 8) for buckets in (1, 4)
    )
    assert at_once == pytest.approx(data_parallel_s(0.090, [ring_s(400_000, 2)]), rel=0.01)
    assert in_parts == pytest.approx(data_parallel_s(0.090, [ring_s(100_000, 2)] * 4), rel=0.02)
    assert in_parts < at_once


def test_diloco_waits_once_and_its_streaming_form_hardly(
    tmp_path: Path, hosts: Sequence[str]
) -> None:
    options = {"bytes": 800_000, "compute_ms": 30.0, "steps": 40, "inner_steps": 10}
    plain = train(hosts, tmp_path, 2, loop="diloco", **options)
    bound_s = diloco_s(0.030, [ring_s(800_000, 2)], 10, 0)
    assert step_s(plain, 20) == pytest.approx(bound_s, rel=0.02)
    exposed = [step.exposed_ns or 0 for step in plain[0][20:30]]
    assert max(exposed[:9]) < 50_000
    assert exposed[9] / SECOND_NS == pytest.approx(ring_s(800_000, 2), rel=0.03)
    streaming = train(
        hosts, tmp_path, 2, loop="streaming-diloco", fragments=5, overlap_steps=2, **options
    )
    assert step_s(streaming, 20) == pytest.approx(0.030, rel=0.02)


def test_a_pipeline_has_its_bubble_and_its_delays(tmp_path: Path, hosts: Sequence[str]) -> None:
    size, stages, batches = 25_000, 3, 6
    logs = train(
        hosts, tmp_path, stages, loop="pipeline", bytes=size, microbatches=batches,
        compute_ms=120.0, steps=8,
    )  # fmt: skip
    message_s = wire_bytes(size) * 8 / RATE_MBPS / 1e6 + DELAY_MS / 1000
    bound_s = pipeline_s(0.120, batches, [message_s] * 2, [message_s] * 2)
    assert step_s(logs, 4) == pytest.approx(bound_s, rel=0.03)


def test_a_cut_in_the_middle_only_stalls_training(tmp_path: Path, hosts: Sequence[str]) -> None:
    begin_ns = soon_ns()
    running = start_pair(hosts, tmp_path, begin_ns, begin_ns + 5 * SECOND_NS, grace_s=5.0)
    sleep_until(begin_ns + 1 * SECOND_NS)
    ip("-n", "router", "link", "set", "port0", "down")
    sleep_until(begin_ns + 3 * SECOND_NS)
    ip("-n", "router", "link", "set", "port0", "up")
    assert [one.wait() for one in running] == [0, 0]
    logs = [read_steps(tmp_path / host) for host in hosts[:2]]
    assert len(logs[0]) == len(logs[1])
    assert {(step.status, step.wrong) for log in logs for step in log} == {("ok", 0)}
    longest_ns = max(step.communication_ns or 0 for step in logs[0])
    assert 2 * SECOND_NS < longest_ns < 5 * SECOND_NS


def test_a_cut_for_good_leaves_an_unfinished_step(tmp_path: Path, hosts: Sequence[str]) -> None:
    begin_ns = soon_ns()
    running = start_pair(hosts, tmp_path, begin_ns, begin_ns + 2 * SECOND_NS, grace_s=1.0)
    sleep_until(begin_ns + 1 * SECOND_NS)
    ip("-n", "router", "link", "set", "port0", "down")
    assert [one.wait() for one in running] == [0, 0]
    ip("-n", "router", "link", "set", "port0", "up")
    assert soon_ns(0) < begin_ns + 4 * SECOND_NS
    logs = [read_steps(tmp_path / host) for host in hosts[:2]]
    for log in logs:
        assert (log[-1].status, log[-1].end_ns) == ("unfinished", None)
    # What was sent has come, or is lost with the cut.
    sent, received = (
        sum(getattr(log[-1], field) for log in logs) for field in ("sent_bytes", "received_bytes")
    )
    assert 0 <= sent - received <= 2 * 400_000


def start_pair(
    hosts: Sequence[str], out: Path, begin_ns: int, end_ns: int, grace_s: float
) -> list[Any]:
    peers = ("10.0.0.2:7000", "10.0.1.2:7000")
    return [
        start(host, TrainingRank(out=str(out / host), rank=rank, peers=peers, bytes=400_000,
                                 verify=True, start_at_ns=begin_ns, stop_at_ns=end_ns,
                                 grace_s=grace_s))
        for rank, host in enumerate(hosts[:2])
    ]  # fmt: skip
