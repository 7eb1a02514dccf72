"""Incast over loopback: every burst of every sender arrives, or is counted as not arrived."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from tests.unit.traffic_processes import end, free_port, start, wait_for_file
from traffic.describe import IncastReceiver, IncastSender
from traffic.logs import BurstReceived, BurstSent, read_records

SENDERS, BURSTS, SIZE = 3, 4, 50_000


def receiver(tmp_path: Path, senders: int = SENDERS) -> IncastReceiver:
    return IncastReceiver(
        out=str(tmp_path / "received"), port=free_port(), senders=senders, bind="127.0.0.1"
    )


def sender(tmp_path: Path, port: int, number: int = 0, **options: float) -> IncastSender:
    return IncastSender(
        out=str(tmp_path / f"sent-{number}"), to=f"127.0.0.1:{port}", sender=number, bytes=SIZE,
        bursts=BURSTS, period_ms=options.pop("period_ms", 5.0), **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_all_bursts_of_all_senders_arrive(tmp_path: Path) -> None:
    target = receiver(tmp_path)
    senders = [sender(tmp_path, target.port, n, jitter_us=200.0) for n in range(SENDERS)]
    running = [start(target), *(start(one) for one in senders)]
    for process in running:
        end(process)
    received = list(read_records(BurstReceived, Path(target.out)))
    assert sorted((one.sender, one.burst) for one in received) == [
        (n, burst) for n in range(SENDERS) for burst in range(BURSTS)
    ]
    assert {(one.status, one.received_bytes) for one in received} == {("ok", SIZE)}
    for one in senders:
        sent = list(read_records(BurstSent, Path(one.out)))
        assert [(burst.status, burst.sent_bytes) for burst in sent] == [("ok", SIZE)] * BURSTS
        late_us = [(b.due_ns - sent[0].due_ns - i * 5_000_000) / 1000 for i, b in enumerate(sent)]
        assert all(-200 <= late <= 200 for late in late_us)
        assert len(set(late_us)) > 1


def test_nobody_there_is_a_counted_failure(tmp_path: Path) -> None:
    one = sender(tmp_path, free_port(), connect_timeout_s=0.3)
    assert "the receiver at 127.0.0.1" in end(start(one), status=1)
    [burst] = list(read_records(BurstSent, Path(one.out)))
    assert (burst.status, burst.accepted_ns) == ("unfinished", None)


@pytest.mark.parametrize("resets", [True, False])
def test_a_receiver_that_goes_or_stalls_is_a_counted_failure(tmp_path: Path, resets: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = IncastSender(
            out=str(tmp_path / "sent"), to=f"127.0.0.1:{server.getsockname()[1]}",
            bytes=50_000_000, bursts=2, stall_timeout_s=0.4,
        )  # fmt: skip
        running = start(one)
        server.settimeout(20)
        sock, _ = server.accept()
        if resets:
            sock.close()
        said = end(running, status=1)
        sock.close()
    assert ("nothing moved for" in said) != resets
    last = list(read_records(BurstSent, Path(one.out)))[-1]
    assert last.status == "unfinished"
    assert last.reason is not None
    assert last.reason in said


def test_a_stranger_and_half_a_burst_are_told_apart_from_bursts(tmp_path: Path) -> None:
    target = receiver(tmp_path, senders=1)
    running = start(target)
    wait_for_file(Path(target.out), running)
    with connected(target.port) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n")
        stranger.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert stranger.recv(1) == b""
    one = sender(tmp_path, target.port)
    end(start(one))
    end(running)
    assert len(list(read_records(BurstReceived, Path(target.out)))) == BURSTS


def connected(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            continue


def test_senders_that_do_not_come_are_told(tmp_path: Path) -> None:
    target = receiver(tmp_path, senders=3)
    assert "traffic.incast: 0 of 3 senders came\n" in end(start(target, "--duration-s", "0.2"))
