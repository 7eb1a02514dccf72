"""Collectives over loopback: right results, nccl-tests' table, and peers that misbehave."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.traffic_processes import end, free_port, start
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.connection import HEADER
from traffic.collectives.connections import HELLO
from traffic.collectives.engine import Engine, Patience, Plan
from traffic.collectives.model import schedule_s
from traffic.collectives.schedule import Rounds
from traffic.describe import CollectiveRank, environment
from traffic.event_loop import EventLoop
from traffic.logs import CollectiveRun, read_collectives

CASES = [(name, a) for name, found in COLLECTIVES.items() for a in found.algorithms]


def ranks_of(tmp_path: Path, ranks: int, **options: Any) -> list[CollectiveRank]:
    peers = tuple(f"127.0.0.1:{free_port()}" for _ in range(ranks))
    given: dict[str, Any] = {"bytes": ("40000",), "connect_timeout_s": 20.0, **options}
    return [
        CollectiveRank(out=str(tmp_path / f"{rank}.jsonl"), rank=rank, peers=peers, **given)
        for rank in range(ranks)
    ]


def log_of(rank: CollectiveRank) -> list[CollectiveRun]:
    return read_collectives(Path(rank.out))


@pytest.mark.parametrize(("collective", "algorithm"), CASES)
def test_every_collective_has_the_right_result_and_loses_nothing(
    tmp_path: Path, collective: str, algorithm: str
) -> None:
    processes = ranks_of(
        tmp_path, 3, collective=collective, algorithm=algorithm, bytes=("44", "400000"),
        iterations=2, warm_up=1, verify=True, connections=2, groups="0,2;1", root=0,
    )  # fmt: skip
    for running in [start(rank) for rank in processes]:
        end(running)
    logs = [log_of(rank) for rank in processes]
    for log in logs:
        assert [(run.bytes, run.warm_up, run.status, run.wrong) for run in log] == [
            (size, warm_up, "ok", 0) for size in (44, 400_000) for warm_up in (True, False, False)
        ]
    for runs in zip(*logs, strict=True):
        assert sum(run.sent_bytes for run in runs) == sum(run.received_bytes for run in runs) > 0


def test_rank_0_prints_the_columns_of_nccl_tests(tmp_path: Path) -> None:
    first, second = ranks_of(tmp_path, 2, bytes=("1000", "2000"), iterations=3, verify=True)
    other = start(second)
    said = start_and_read(first)
    end(other)
    heads, units, *rows = said.splitlines()
    assert heads.split()[1:] == [
        "size", "count", "type", "redop", "root", "time", "algbw", "busbw", "#wrong",
        "bound", "ratio",
    ]  # fmt: skip
    assert units.split()[1:] == ["(B)", "(elements)", "(us)", "(GB/s)", "(GB/s)", "(us)"]
    assert [row.split()[:5] for row in rows] == [
        ["1000", "250", "uint32", "sum", "-1"],
        ["2000", "500", "uint32", "sum", "-1"],
    ]
    time_us, algbw, busbw, wrong = (float(word) for word in rows[0].split()[5:9])
    assert algbw == pytest.approx(1000 / time_us / 1e3, rel=0.01)
    assert busbw == pytest.approx(algbw, rel=0.001)  # 2 (n - 1) / n = 1 for two ranks
    assert wrong == 0


def start_and_read(process: CollectiveRank) -> str:
    done = subprocess.run(
        process.argv(sys.executable), env={**os.environ, **environment()}, capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def test_without_iterations_the_sizes_take_turns_until_the_end(tmp_path: Path) -> None:
    leader, *others = ranks_of(tmp_path, 3, bytes=("1000", "2000"), warm_up=0, period_s=0.05)
    leader = CollectiveRank(
        out=leader.out, rank=0, peers=leader.peers, bytes=leader.bytes, warm_up=0, period_s=0.05,
        stop_at_ns=None,
    )  # fmt: skip
    running = [start(rank) for rank in (leader, *others)]
    while not Path(leader.out).exists() or len(log_of(leader)) < 5:
        assert running[0].poll() is None
    for one in running:
        one.terminate()
    assert 0 in {one.wait(timeout=30) for one in running}
    log = log_of(leader)
    assert [run.bytes for run in log[:4]] == [1000, 2000, 1000, 2000]
    assert [run.iteration for run in log] == list(range(len(log)))


class FalseRank:
    """Says the right hello as the other rank, and then what the test wants."""

    def __init__(self, process: CollectiveRank) -> None:
        self.running = start(process)
        host, port = process.peers[0].split(":")
        self.server = socket.create_server((host, int(port)))
        self.server.settimeout(20)
        self.sock, _ = self.server.accept()
        hello = self.sock.recv(HELLO.size, socket.MSG_WAITALL)
        magic, _, ranks, number, purpose = HELLO.unpack(hello)
        self.sock.sendall(HELLO.pack(magic, 0, ranks, number, purpose))

    def said(self) -> str:
        said = end(self.running, status=1)
        self.sock.close()
        self.server.close()
        return said


def false_rank(tmp_path: Path, **options: Any) -> tuple[FalseRank, CollectiveRank]:
    _, second = ranks_of(tmp_path, 2, iterations=1, **options)
    return FalseRank(second), second


def test_a_peer_that_closes_is_a_counted_failure(tmp_path: Path) -> None:
    peer, rank = false_rank(tmp_path)
    peer.sock.shutdown(socket.SHUT_WR)
    assert "rank 0 closed its connection" in peer.said()
    [run] = log_of(rank)
    assert (run.status, run.end_ns, run.wrong) == ("unfinished", None, None)
    assert run.reason == "rank 0 closed its connection"


def test_a_peer_that_resets_is_a_counted_failure(tmp_path: Path) -> None:
    peer, _ = false_rank(tmp_path)
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()
    assert "the connection to rank 0 broke" in peer.said()


@pytest.mark.parametrize(
    ("rubbish", "reason"),
    [
        (b"\0" * 64, "rank 0 sent something else than what was due"),
        (HEADER.pack(1, 0, 0, 4), "rank 0 sent 4 bytes where 16 were due"),
        (HEADER.pack(1, 9, 0, 16), "rank 0 sent something else than what was due"),
    ],
    ids=["zeros", "another size", "another channel"],
)
def test_a_peer_that_sends_rubbish_is_a_counted_failure(
    tmp_path: Path, rubbish: bytes, reason: str
) -> None:
    peer, _ = false_rank(tmp_path)
    peer.sock.sendall(rubbish)
    assert reason in peer.said()


def test_a_peer_that_never_sends_is_a_counted_failure(tmp_path: Path) -> None:
    peer, _ = false_rank(tmp_path, stall_timeout_s=0.4)
    assert "nothing moved for" in peer.said()


def test_ranks_of_other_runs_are_told_apart(tmp_path: Path) -> None:
    first, second = ranks_of(tmp_path, 2, iterations=1)
    second = CollectiveRank(
        out=second.out, rank=1, peers=second.peers, bytes=second.bytes, iterations=1,
        algorithm="double-tree",
    )  # fmt: skip
    running = [start(first), start(second)]
    said = [one.communicate(timeout=30)[1] for one in running]
    assert [one.returncode for one in running] == [1, 1]
    assert all("has other parameters" in text for text in said)


def test_thousands_of_messages_leave_at_once() -> None:
    rounds = (Rounds(), Rounds())
    for number in range(3000):
        rounds[0].send(number, 1, (number, number + 1))
        rounds[1].receive(number, 0, (number, number + 1))
    buffers = [memoryview(bytearray(b"\1" * 12_000)), memoryview(bytearray(12_000))]
    with EventLoop() as loop:
        ends = socket.socketpair()
        for end_ in ends:
            end_.setblocking(False)
        engines = [
            Engine({(1 - rank, 0): sock}, 1, loop, Patience(10.0)) for rank, sock in enumerate(ends)
        ]
        for rank in (0, 1):
            engines[rank].start(Plan(rounds[rank].rounds), buffers[rank], adds=False)
        engines[1].finish()
        assert engines[0].done
        for engine in engines:
            engine.close()
    assert buffers[0] == buffers[1]
    programs = [one.rounds for one in rounds]
    assert schedule_s(programs, lambda *_: 1e-3, lambda *_: 0.5) == pytest.approx(3.5)
