"""TWAMP Light and STAMP, against Scapy's reading of the RFCs and a peer made of it."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated,
    STAMPSessionSenderTestUnauthenticated,
)

from tests.unit.traffic_processes import DEADLINE_S, end, free_port, start, wait_for_file
from traffic.describe import TwampReflector, TwampSender
from traffic.twamp_packet import STAMP_BYTES, between_ns, ntp_of, reply, request

SECOND_NS = 10**9
NTP_EPOCH_S = 2_208_988_800


def test_a_request_is_a_stamp_packet_in_scapy_s_reading() -> None:
    packet = request(7, 3 * SECOND_NS // 2, session=0x1234, length=60)
    read = STAMPSessionSenderTestUnauthenticated(packet)
    assert len(packet) == 60
    assert (read.seq, read.ssid, read.mbz) == (7, 0x1234, 0)
    assert read.ts == NTP_EPOCH_S + 1.5
    assert (read.err_estimate.S, read.err_estimate.Z, read.err_estimate.multiplier) == (0, 0, 1)


def test_an_answer_to_scapy_s_request_is_a_stamp_packet_in_scapy_s_reading() -> None:
    asked = STAMPSessionSenderTestUnauthenticated(
        seq=41, ts=NTP_EPOCH_S + 9.25, ssid=77, err_estimate=ErrorEstimate(S=1, scale=3)
    )
    answer = reply(bytes(asked), 63, 10 * SECOND_NS, 10 * SECOND_NS + SECOND_NS // 4, 5)
    read = STAMPSessionReflectorTestUnauthenticated(answer)
    assert len(answer) == len(bytes(asked)) == STAMP_BYTES
    assert (read.seq, read.seq_sender, read.ttl_sender, read.ssid) == (5, 41, 63, 77)
    assert (read.ts_rx, read.ts) == (NTP_EPOCH_S + 10, NTP_EPOCH_S + 10.25)
    assert read.ts_sender == NTP_EPOCH_S + 9.25
    assert bytes(read.err_estimate_sender) == bytes(asked.err_estimate)


@pytest.mark.parametrize(("length", "answered"), [(14, 41), (41, 41), (44, 44), (1000, 1000)])
def test_an_answer_is_as_long_as_its_request_where_that_has_room(
    length: int, answered: int
) -> None:
    padding = bytes(range(256)) * 4
    packet = request(1, 0, 0, STAMP_BYTES)[:14] + padding[: length - 14]
    answer = reply(packet, 64, 0, 0, None)
    assert len(answer) == answered
    assert answer[41:] == packet[41:]
    assert answer[:4] == packet[:4]  # stateless: the sender's number


@given(st.integers(0, 2**62), st.integers(-(2**60), 2**60))
def test_times_between_ntp_stamps_are_right_to_the_nanosecond(
    start_ns: int, difference_ns: int
) -> None:
    found = between_ns(ntp_of(start_ns + difference_ns), ntp_of(start_ns))
    assert abs(found - difference_ns) <= 1


def test_the_reflector_answers_a_foreign_sender_and_counts_its_rubbish(tmp_path: Path) -> None:
    port, out = free_port(socket.SOCK_DGRAM), tmp_path / "r.json"
    reflector = start(TwampReflector(out=str(out), port=port, bind="127.0.0.1"))
    wait_for_file(out, reflector)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 17)
        for number in (100, 200):
            asked = STAMPSessionSenderTestUnauthenticated(seq=number, ssid=9)
            peer.sendto(bytes(asked), ("127.0.0.1", port))
            read = STAMPSessionReflectorTestUnauthenticated(peer.recv(2000))
            assert (read.seq, read.seq_sender) == (number // 100 - 1, number)
            assert (read.ttl_sender, read.ssid) == (17, 9)
            assert read.ts >= read.ts_rx > NTP_EPOCH_S
        peer.sendto(b"thirteen byte", ("127.0.0.1", port))
        peer.sendto(bytes(asked), ("127.0.0.1", port))
        peer.recv(2000)
    reflector.send_signal(signal.SIGTERM)
    end(reflector)
    told = json.loads(out.read_text())
    assert (told["reflected"], told["malformed"], told["sessions"]) == (3, 1, 1)


def foreign_reflector(
    sock: socket.socket, drop: set[int], last: int, done: threading.Event
) -> None:
    """A stateful reflector that knows the protocol from Scapy only."""
    count = 0
    while True:
        try:
            packet, peer = sock.recvfrom(2000)
        except OSError:
            return
        asked = STAMPSessionSenderTestUnauthenticated(packet)
        stamp = time.time() + NTP_EPOCH_S
        answer: Any = STAMPSessionReflectorTestUnauthenticated(
            seq=count,
            ts=stamp,
            ts_rx=stamp,
            seq_sender=asked.seq,
            ts_sender=asked.ts,
            ttl_sender=64,
        )
        count += 1
        if asked.seq not in drop:
            sock.sendto(bytes(answer), peer)
        if asked.seq == 0:
            sock.sendto(b"rubbish", peer)
        if asked.seq == last:
            done.set()
            return


def test_the_sender_measures_against_a_foreign_reflector(tmp_path: Path) -> None:
    out = tmp_path / "s.json"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        done = threading.Event()
        thread = threading.Thread(
            target=foreign_reflector, args=(sock, {3, 4}, 19, done), daemon=True
        )
        thread.start()
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        process = TwampSender(out=str(out), to=address, rate_pps=100, wait_ms=60_000)
        running = start(process, "--duration-s", "0.2")
        assert done.wait(DEADLINE_S)
        running.send_signal(signal.SIGTERM)
        end(running)
    told = json.loads(out.read_text())
    assert (told["sent"], told["lost"], told["reordered"]) == (20, 2, 0)
    assert told["session"]["reached"] == 20
    assert told["session"]["malformed"] == 1
    # Scapy's timestamps are doubles; what it took between arrival and answer is in ours.
    assert 0 < told["rtt_p50_ns"] < SECOND_NS


def test_a_closed_port_is_no_more_than_losses(tmp_path: Path) -> None:
    out = tmp_path / "s.json"
    closed = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    process = TwampSender(out=str(out), to=closed, rate_pps=100, wait_ms=0)
    end(start(process, "--duration-s", "0.2"))
    told = json.loads(out.read_text())
    assert (told["sent"], told["received"], told["lost"]) == (20, 0, 20)
    assert (told["session"]["due"], told["session"]["answered"]) == (20, 0)
