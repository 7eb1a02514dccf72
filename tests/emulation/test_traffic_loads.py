"""Probes of several classes, matrices, iperf3, crafted packets and captures, in virtual time."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from experiments.pcap_frames import pcap_frames
from tests.emulation.stars import (
    SECOND_NS,
    in_host,
    is_virtual_time,
    know_router,
    run_all,
    soon_ns,
    star,
    tc,
    without_switches,
)
from traffic.describe import (
    BulkClient,
    BulkServer,
    CraftedPackets,
    MatrixReceiver,
    MatrixSender,
    PacketCapture,
    PcapReplay,
    ProbeReceiver,
    ProbeSender,
    TwampReflector,
    TwampSender,
    environment,
)
from traffic.frames import flow_label, source_port
from traffic.probe_log import read_rows, summarize
from traffic.schedule import Schedule

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not is_virtual_time(), reason="needs the guest: fibercut test"
)


SOCKET_BUFFER_BYTES = 1 << 20


def drops(space: str) -> int:
    told = subprocess.run(
        ["tc", "-n", space, "-s", "-j", "qdisc", "show", "dev", "eth"],
        check=True, capture_output=True,
    )  # fmt: skip
    return int(json.loads(told.stdout)[0]["drops"])


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_classes_on_and_off_are_on_schedule_and_agree_with_the_link(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    schedule = Schedule(begin_ns, ramp_ns=SECOND_NS, on_ns=SECOND_NS, off_ns=SECOND_NS // 2)
    end_ns = begin_ns + 4 * SECOND_NS
    rows, sent = tmp_path / "rows", tmp_path / "sent"
    receiver = ProbeReceiver(out=str(rows), port=9000, flows=2, stop_at_ns=end_ns + SECOND_NS)
    online = ProbeReceiver(
        out=str(tmp_path / "gaps"), port=9001, flows=2, no_rows=True, stop_at_ns=end_ns + SECOND_NS
    )
    senders = [
        ProbeSender(
            out=str(sent), to=f"10.0.1.2:{port}", rate_pps=2_000, payload_bytes=958, dscp=(46, 0),
            start_at_ns=begin_ns, stop_at_ns=end_ns, ramp_s=1, on_s=1, off_s=0.5,
        )
        for port in (9000, 9001)
    ]  # fmt: skip
    with star(2, 0, 0) as (first, second):
        know_router(0)
        tc(first, "netem", "delay", "7ms", "rate", "800mbit", "loss", "3%", "limit", "10000")
        run_all([(second, receiver), (second, online), *((first, sender) for sender in senders)])
        dropped = drops(first)
    due = schedule.packets_before(2_000, end_ns)
    # On for 1, 1 and 1 s of the 4 s, and the ramp takes half of the first one's packets.
    assert due == 1000 + 2000 + 2000
    summaries = [summarize(read_rows(path), expected=due) for path in (rows, tmp_path / "rows.1")]
    known = [flow["received"] for flow in read(tmp_path / "gaps.json")["flows"]]
    assert sum(one.lost for one in summaries) + 2 * due - sum(known) == dropped > 0
    record = read_rows(rows)
    due_ns = [schedule.due_ns(2_000, number) for number in record[:, 0].tolist()]
    assert record[:, 1].tolist() == due_ns
    assert all(schedule.is_on(at_ns) for at_ns in due_ns)


def test_a_two_way_probe_takes_two_ways_and_comes_back_in_its_class(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    end_ns = begin_ns + 2 * SECOND_NS
    reflector = TwampReflector(out=str(tmp_path / "r"), port=862, stop_at_ns=end_ns + 2 * SECOND_NS)
    sender = TwampSender(
        out=str(tmp_path / "s"), to="10.0.1.2:862", rate_pps=500, payload_bytes=958, dscp=46,
        start_at_ns=begin_ns, stop_at_ns=end_ns, count_from_ns=begin_ns + SECOND_NS,
    )  # fmt: skip
    capture = PacketCapture(
        out=str(tmp_path / "c.pcap"), interface="eth", port=862, stop_at_ns=end_ns + SECOND_NS
    )
    with star(2, 80, 5) as (first, second):
        run_all([(second, reflector), (first, capture), (first, sender)])
    told = read(tmp_path / "s")
    assert (told["sent"], told["lost"], told["session"]["reached"]) == (500, 0, 1000)
    # 1,000 bytes with all headers take 100 us at 80 Mbit/s, after 5 ms, each way.
    assert told["rtt_p50_ns"] == pytest.approx(10_200_000, rel=1 / 256)
    assert told["rtt_max_ns"] - told["rtt_min_ns"] <= 10_000
    assert told["forward_p50_ns"] == pytest.approx(5_100_000, rel=1 / 256)
    assert told["lowest_ttl"] == 254  # one router
    frames = [frame for _, frame in pcap_frames(tmp_path / "c.pcap")]
    assert len(frames) == 2000
    assert {frame[15] >> 2 for frame in frames} == {46}


def test_what_a_matrix_offers_arrives_or_was_dropped_by_a_link(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    end_ns = begin_ns + 3 * SECOND_NS
    rates = {(0, 1): 20.0, (0, 2): 10.0, (1, 2): 5.0, (2, 0): 0.37}
    numbers = {pair: number for number, pair in enumerate(rates)}
    receivers = [
        MatrixReceiver(
            out=str(tmp_path / f"got{host}"), port=9000, stop_at_ns=end_ns + SECOND_NS,
            borders_ns=(begin_ns, begin_ns + SECOND_NS),
        )
        for host in range(3)
    ]  # fmt: skip
    senders = [
        MatrixSender(
            out=str(tmp_path / f"sent{host}"), start_at_ns=begin_ns, stop_at_ns=end_ns, seed=4,
            payload_bytes=1208,
            flows=tuple(
                f"{numbers[a, b]}@10.0.{b}.2:9000={rate}"
                for (a, b), rate in rates.items() if a == host
            ),
        )
        for host in range(3)
    ]  # fmt: skip
    with star(3, 0, 0) as hosts:
        for number, host in enumerate(hosts):
            know_router(number)
            tc(host, "netem", "delay", "2ms", "rate", "100mbit", "loss", "2%", "limit", "10000")
        run_all([*zip(hosts, receivers, strict=True), *zip(hosts, senders, strict=True)])
        dropped = sum(drops(host) for host in hosts)
    due = {
        number: flow["due"]
        for host in range(3)
        for number, flow in read(tmp_path / f"sent{host}")["flows"].items()
    }
    got: dict[str, list[int]] = {
        number: flow["packets"]
        for host in range(3)
        for number, flow in read(tmp_path / f"got{host}")["flows"].items()
    }
    assert sum(due.values()) - sum(map(sum, got.values())) == dropped > 0
    for pair, rate_mbps in rates.items():
        name = str(numbers[pair])
        # A frame is 1,250 bytes, 10,000 bits.
        assert due[name] == pytest.approx(rate_mbps * 100 * 3, abs=1)
        assert got[name][0] == 0
        assert sum(got[name]) <= due[name]


@pytest.mark.parametrize("congestion", ["cubic", "bbr", "dctcp"])
def test_iperf3_s_own_server_takes_our_client_with_each_congestion_control(
    tmp_path: Path, congestion: str
) -> None:
    with star(2, 100.0, 5.0) as (first, second):
        command = ["ip", "netns", "exec", second, "iperf3", "-s", "-1", "-J"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            begin_ns = soon_ns()
            client = BulkClient(
                out=str(tmp_path / "c"), to="10.0.1.2:5201", congestion=congestion, streams=2,
                rate_mbps=10.0, paced=True, dscp=10,
                start_at_ns=begin_ns, stop_at_ns=begin_ns + 3 * SECOND_NS,
            )  # fmt: skip
            run_all([(first, client)])
            served = json.loads(server.communicate()[0])
    told = read(tmp_path / "c")
    assert told["end"]["sender_tcp_congestion"] == congestion
    assert told["end"]["sum_sent"]["retransmits"] == 0
    received = served["end"]["sum_received"]
    # Conservation: iperf3 counts as sent what lies in its sockets' buffers at the end.
    assert 0 <= told["end"]["sum_sent"]["bytes"] - received["bytes"] <= 2 * SOCKET_BUFFER_BYTES
    assert received["bits_per_second"] / 1e6 == pytest.approx(20.0, rel=0.05)


def test_udp_bulk_sends_at_its_rate(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    server = BulkServer(out=str(tmp_path / "s"), port=5201)
    client = BulkClient(
        out=str(tmp_path / "c"), to="10.0.1.2:5201", protocol="udp", rate_mbps=20.0,
        start_at_ns=begin_ns, stop_at_ns=begin_ns + 2 * SECOND_NS,
    )  # fmt: skip
    with star(2, 0, 0) as (first, second):
        know_router(0)
        tc(first, "netem", "delay", "2ms", "rate", "100mbit", "limit", "10000")
        run_all([(second, server), (first, client)])
    end = read(tmp_path / "c")["end"]["sum"]
    assert end["lost_packets"] == 0
    assert end["packets"] == pytest.approx(20e6 * 2 / 8 / 1448, rel=0.01)


def test_crafted_packets_are_captured_as_they_were_made_and_replayed_with_their_timing(
    tmp_path: Path,
) -> None:
    from scapy.contrib.roce import BTH
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    begin_ns = soon_ns(4)
    first_pcap, second_pcap = tmp_path / "first.pcap", tmp_path / "second.pcap"
    crafted = CraftedPackets(
        out=str(tmp_path / "sent"), to="10.0.1.2:4791", kind="rocev2", flows=4, queue_pair=77,
        message_packets=3, rate_pps=400, dscp=26, ecn=1, payload_bytes=200, on_s=0.1, off_s=0.4,
        start_at_ns=begin_ns, stop_at_ns=begin_ns + SECOND_NS,
    )  # fmt: skip
    with without_switches(), star(3, 100.0, 5.0) as (source, target, other):
        in_host(target, "ping", "-qc1", "10.0.0.2")  # nobody asks for addresses any more
        in_host(target, "ping", "-qc1", "10.0.2.2")
        capture = PacketCapture(
            out=str(first_pcap), interface="eth", port=4791, occupy=True,
            stop_at_ns=begin_ns + 2 * SECOND_NS,
        )  # fmt: skip
        run_all([(target, capture), (source, crafted)])
        again_ns = soon_ns(5)
        replay = PcapReplay(
            out=str(tmp_path / "again"), pcap=str(first_pcap), to="10.0.2.2", start_at_ns=again_ns
        )
        capture = PacketCapture(
            out=str(second_pcap), interface="eth", port=4791, occupy=True,
            stop_at_ns=again_ns + 2 * SECOND_NS,
        )  # fmt: skip
        run_all([(other, capture), (target, replay)])
    made, replayed = (list(pcap_frames(path)) for path in (first_pcap, second_pcap))
    assert read(tmp_path / "sent")["sent"] == len(made) == len(replayed) == 80
    assert read(tmp_path / "again")["sent"] == 80
    packets = [Ether(frame) for _, frame in made]
    assert {packet[IP].tos for packet in packets} == {26 << 2 | 1}
    assert [packet[BTH].dqpn for packet in packets] == [77, 78, 79, 80] * 20
    assert [packet[BTH].psn for packet in packets] == [n // 4 for n in range(80)]
    assert [packet[BTH].opcode for packet in packets[:16:4]] == [0x00, 0x01, 0x02, 0x00]
    for packet in packets:
        pair = packet[BTH].dqpn
        assert packet[UDP].sport == source_port(flow_label(pair, pair))
    for frames in (made, replayed):
        for _, frame in frames:
            check_crc(Ether(frame))
    gaps = [[b - a for (a, _), (b, _) in pairwise(frames)] for frames in (made, replayed)]
    assert max(gaps[0]) > 0.4 * SECOND_NS
    assert max(abs(a - b) for a, b in zip(*gaps, strict=True)) <= 1_000
    assert read(tmp_path / "again")["worst_late_ns"] <= 1_000
    assert Counter(Ether(frame)[UDP].sport for _, frame in replayed) == Counter(
        packet[UDP].sport for packet in packets
    )


def check_crc(packet: Any) -> None:
    """The invariant CRC is what Scapy computes for the packet as it arrived."""
    from scapy.contrib.roce import BTH

    told = packet[BTH].icrc
    packet[BTH].icrc = None
    assert packet.__class__(bytes(packet))[BTH].icrc == told


def test_an_interface_that_is_not_there_is_told(tmp_path: Path) -> None:
    argv = PacketCapture(out=str(tmp_path / "x"), interface="nowhere").argv("python3")
    environ = {**os.environ, **environment()}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 1
    assert "cannot capture on nowhere: No such device" in done.stderr
