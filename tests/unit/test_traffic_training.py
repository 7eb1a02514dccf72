"""Training loops over loopback: right sums, one last step for all, and peers that misbehave."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.traffic_processes import end, free_port, start, wait_for_file
from traffic.describe import TrainingRank
from traffic.logs import Step, read_steps


def ring(tmp_path: Path, ranks: int, **options: Any) -> list[TrainingRank]:
    peers = tuple(f"127.0.0.1:{free_port()}" for _ in range(ranks))
    given: dict[str, Any] = {"bytes": 40_000, "connect_timeout_s": 20.0, **options}
    return [
        TrainingRank(out=str(tmp_path / f"{rank}.jsonl"), rank=rank, peers=peers, **given)
        for rank in range(ranks)
    ]


def steps_of(rank: TrainingRank) -> list[Step]:
    return read_steps(Path(rank.out))


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_all_ranks_make_the_same_steps_with_the_right_sum(tmp_path: Path, ranks: int) -> None:
    processes = ring(tmp_path, ranks, steps=4, verify=True, compute_ms=1.0, compute_jitter=0.5)
    for running in [start(rank) for rank in processes]:
        end(running)
    for rank in processes:
        steps = steps_of(rank)
        assert [(step.step, step.status, step.wrong) for step in steps] == [
            (number, "ok", 0) for number in range(4)
        ]
        for step in steps:
            assert step.sent_bytes == pytest.approx(2 * (ranks - 1) / ranks * 40_000, abs=8 * ranks)
    moved = [(sum(s.sent_bytes for s in steps_of(r)), sum(s.received_bytes for s in steps_of(r)))
             for r in processes]  # fmt: skip
    assert sum(sent for sent, _ in moved) == sum(received for _, received in moved)


@pytest.mark.parametrize(
    ("options", "compute_ms"),
    [
        ({"buckets": 5}, 3.0),
        ({"buckets": 3, "algorithm": "double-tree", "connections": 3}, 0.0),
        ({"loop": "diloco", "inner_steps": 4}, 1.0),
        ({"loop": "streaming-diloco", "inner_steps": 4, "fragments": 2, "overlap_steps": 1}, 1.0),
        ({"loop": "pipeline", "microbatches": 5}, 4.0),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_each_loop_ends_at_the_same_step_everywhere_with_right_numbers(
    tmp_path: Path, options: dict[str, Any], compute_ms: float
) -> None:
    processes = ring(
        tmp_path, 3, steps=6, verify=True, compute_ms=compute_ms, compute_jitter=0.3, **options
    )
    for running in [start(rank) for rank in processes]:
        end(running)
    logs = [steps_of(rank) for rank in processes]
    assert len({len(log) for log in logs}) == 1
    assert len(logs[0]) >= 6
    assert {step.wrong for log in logs for step in log} == {0}
    sent, received = (
        sum(getattr(step, field) for log in logs for step in log)
        for field in ("sent_bytes", "received_bytes")
    )
    assert sent == received > 0
    for step in (step for log in logs for step in log):
        assert step.end_ns is not None
        assert step.exposed_ns == step.end_ns - step.start_ns - step.compute_ns
        assert step.exposed_ns >= 0


def test_diloco_sends_in_the_last_inner_step_only(tmp_path: Path) -> None:
    processes = ring(tmp_path, 2, steps=8, loop="diloco", inner_steps=4, compute_ms=0.5)
    for running in [start(rank) for rank in processes]:
        end(running)
    assert [step.bytes for step in steps_of(processes[1])] == [0, 0, 0, 40_000] * 2


def test_a_chunk_larger_than_the_socket_buffers_does_not_deadlock(tmp_path: Path) -> None:
    processes = ring(tmp_path, 2, steps=1, bytes=64_000_000)
    for running in [start(rank) for rank in processes]:
        end(running)
    assert [steps_of(rank)[0].status for rank in processes] == ["ok", "ok"]


def test_ranks_agree_on_the_last_step_when_only_rank_0_knows_the_end(tmp_path: Path) -> None:
    leader, *others = ring(tmp_path, 3)
    leader = TrainingRank(out=leader.out, rank=0, peers=leader.peers, bytes=leader.bytes, steps=5)
    for running in [start(rank) for rank in (leader, *others)]:
        end(running)
    assert [len(steps_of(rank)) for rank in (leader, *others)] == [5, 5, 5]


def wait_for_steps(rank: TrainingRank, running: subprocess.Popen[str]) -> None:
    while not Path(rank.out).exists() or not steps_of(rank):
        assert running.poll() is None


def test_an_unfinished_step_is_logged_when_a_peer_dies(tmp_path: Path) -> None:
    processes = ring(tmp_path, 2, compute_ms=5.0)
    first, second = [start(rank) for rank in processes]
    wait_for_steps(processes[0], first)
    second.kill()
    second.communicate()
    said = end(first, status=1)
    last = steps_of(processes[0])[-1]
    assert (last.status, last.end_ns, last.algbw_mbps) == ("unfinished", None, None)
    assert last.reason is not None
    assert last.reason in said


def test_a_signal_ends_a_rank_with_its_step_unfinished(tmp_path: Path) -> None:
    processes = ring(tmp_path, 2, compute_ms=10.0)
    running = [start(rank) for rank in processes]
    wait_for_steps(processes[1], running[1])
    for one in running:
        one.send_signal(signal.SIGSTOP)
    for one in running:
        one.send_signal(signal.SIGTERM)
        one.send_signal(signal.SIGCONT)
    statuses = [one.wait(timeout=30) for one in running]
    assert 0 in statuses
    assert "unfinished" in {steps_of(rank)[-1].status for rank in processes}


def test_a_peer_that_never_answers_is_a_counted_failure(tmp_path: Path) -> None:
    for number, reason in ((0, "did not connect: rank 1"), (1, "rank 0 at 127.0.0.1")):
        rank = ring(tmp_path, 2, connect_timeout_s=0.3)[number]
        assert reason in end(start(rank), status=1)
        assert [(step.step, step.status) for step in steps_of(rank)] == [(0, "unfinished")]


def test_rubbish_in_place_of_a_rank_is_refused(tmp_path: Path) -> None:
    first, second = ring(tmp_path, 2, connect_timeout_s=1.5)
    running = start(first)
    wait_for_file(Path(first.out), running)
    with connected(first.peers[0]) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n")
        assert "did not connect: rank 1" in end(running, status=1)
    with socket.create_server(("127.0.0.1", int(second.peers[0].split(":")[1]))) as server:
        running = start(second)
        server.settimeout(20)
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            assert "what answers there is not this rank" in end(running, status=1)


def connected(address: str) -> socket.socket:
    """A connection to a rank that may still be about to listen."""
    host, port = address.split(":")
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=20)
        except ConnectionRefusedError:
            continue


def test_ranks_with_different_sizes_say_so(tmp_path: Path) -> None:
    first, second = ring(tmp_path, 2, steps=1)
    second = TrainingRank(out=second.out, rank=1, peers=second.peers, bytes=80_000, steps=1)
    running = [start(first), start(second)]
    said = [one.communicate(timeout=30)[1] for one in running]
    assert [one.returncode for one in running] == [1, 1]
    assert any("has other parameters" in text for text in said)
