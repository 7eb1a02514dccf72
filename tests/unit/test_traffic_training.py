"""Training loops over loopback: right sums, one last step for all, and peers that misbehave."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.traffic_processes import end, free_port, start
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
    rank = ring(tmp_path, 2, connect_timeout_s=0.3)[0]
    said = end(start(rank), status=1)
    assert "the next rank at 127.0.0.1" in said
    assert [(step.step, step.status) for step in steps_of(rank)] == [(0, "unfinished")]


def test_rubbish_in_place_of_the_previous_rank_is_refused(tmp_path: Path) -> None:
    rank = ring(tmp_path, 2, connect_timeout_s=1.5)[0]
    host, port = rank.peers[1].split(":")
    with socket.create_server((host, int(port))) as next_rank:
        running = start(rank)
        next_rank.settimeout(20)
        accepted, _ = next_rank.accept()
        own = rank.peers[0].split(":")
        with accepted, socket.create_connection((own[0], int(own[1]))) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n")
            said = end(running, status=1)
    assert "the previous rank (1) did not connect" in said


def test_ranks_with_different_sizes_say_so(tmp_path: Path) -> None:
    first, second = ring(tmp_path, 2, steps=1)
    second = TrainingRank(out=second.out, rank=1, peers=second.peers, bytes=80_000, steps=1)
    running = [start(first), start(second)]
    said = [one.communicate(timeout=30)[1] for one in running]
    assert [one.returncode for one in running] == [1, 1]
    assert any("has other parameters" in text for text in said)
