"""Crafted packets and recorded ones: what they are, byte by byte, in Scapy's reading."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapReader, PcapWriter

from experiments.replay_figures import arrived
from tests.unit.traffic_processes import end, start
from traffic.command import Failure
from traffic.crafted import parse
from traffic.describe import CraftedPackets
from traffic.frames import NUMBER, build, flow_label, source_port
from traffic.packet_filter import port_filter
from traffic.pcap_file import LINKTYPE_ETHERNET, LINKTYPE_RAW
from traffic.pcap_file import PcapWriter as OwnWriter
from traffic.replay import Recording


def packets(count: int, *options: str) -> list[Any]:
    args = parse(["--to", "10.0.0.2:4791", "--out", "o", *options])
    return [IP(build(args, "10.0.0.1", number)) for number in range(count)]


def test_queue_pairs_are_flows_with_a_source_port_each() -> None:
    found = packets(64, "--kind", "rocev2", "--flows", "16", "--queue-pair", "1000")
    assert [packet[BTH].dqpn for packet in found[:16]] == list(range(1000, 1016))
    assert len({packet[UDP].sport for packet in found}) >= 15
    assert all(0xC000 <= packet[UDP].sport <= 0xFFFF for packet in found)
    assert [packet[BTH].psn for packet in found[::16]] == [0, 1, 2, 3]


def test_flow_labels_and_ports_are_linux_s() -> None:
    # Worked out by hand from include/rdma/ib_verbs.h.
    assert flow_label(0x11, 0x22) == 0x11 * 0x22
    value = 0x123456 * 0xABCDEF
    value ^= value >> 20
    value ^= value >> 40
    assert flow_label(0x123456, 0xABCDEF) == value & 0xFFFFF
    assert source_port(0) == 0xC000
    assert source_port(0xFC000) == 0xC000 | 0x3F
    assert source_port(0x3FFF) == 0xFFFF


def test_a_message_has_a_first_middle_and_last_packet() -> None:
    found = packets(8, "--kind", "rocev2", "--message-packets", "4")
    assert [packet[BTH].opcode for packet in found] == [0, 1, 1, 2] * 2
    assert [packet[BTH].ackreq for packet in found] == [0, 0, 0, 1] * 2


def test_the_invariant_crc_is_right_and_covers_the_packet() -> None:
    (packet,) = packets(1, "--kind", "rocev2", "--payload-bytes", "100")
    told = packet[BTH].icrc
    packet[BTH].icrc = None
    assert IP(bytes(packet))[BTH].icrc == told
    packet[BTH].psn += 1
    assert IP(bytes(packet))[BTH].icrc != told


def test_vxlan_carries_frames_whose_flows_stay_apart() -> None:
    found = packets(30, "--kind", "vxlan", "--flows", "10", "--vni", "4242", "--dscp", "10")
    outer = [packet[UDP].sport for packet in found]
    tunnel = found[0]
    tunnel[UDP].payload = VXLAN(bytes(tunnel[UDP].payload))
    assert (tunnel[VXLAN].vni, tunnel.tos) == (4242, 10 << 2)
    inner = tunnel[VXLAN].payload
    assert (inner[IP].dst, inner[UDP].dport) == ("192.168.0.2", 9)
    assert len(set(outer)) >= 9
    assert outer[:10] == outer[10:20]


@pytest.mark.parametrize("form", ["udp", "rocev2", "vxlan"])
def test_each_payload_begins_with_the_packet_s_number(form: str) -> None:
    from traffic.frames import NUMBER_OFFSET

    for number, packet in enumerate(packets(5, "--kind", form, "--flows", "3")):
        frame = bytes(14) + bytes(packet)
        assert NUMBER.unpack_from(frame, NUMBER_OFFSET[form]) == (number,)
        assert packet.id != 0


def test_what_is_written_is_what_scapy_reads(tmp_path: Path) -> None:
    path = tmp_path / "p.pcap"
    with OwnWriter(str(path), LINKTYPE_RAW, snap_bytes=30) as file:
        file.write(1_000_000_007, bytes(packets(1)[0]))
    with PcapReader(str(path)) as reader:
        (read,) = list(reader)
    assert (int(read.time * 10**9), len(read.original)) == (1_000_000_007, 30)
    assert read.wirelen == len(packets(1)[0])


def test_crafted_packets_have_their_times_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.pcap"
    process = CraftedPackets(
        out=str(tmp_path / "o"),
        to="127.0.0.1:4791",
        kind="rocev2",
        count=4,
        rate_pps=8,
        pcap=str(path),
    )
    end(start(process))
    with PcapReader(str(path)) as reader:
        times = [read.time for read in reader]
    assert [float(b - a) for a, b in itertools.pairwise(times)] == [0.125] * 3


def refusal(path: Path) -> str:
    """Why a recording cannot be replayed. Sending it would need root."""
    with pytest.raises(Failure) as told:
        list(Recording(str(path), "127.0.0.1", "127.0.0.1").packets())
    return str(told.value)


def test_a_bad_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "p.pcap"
    assert "cannot read" in refusal(path)
    path.write_bytes(b"no pcap at all, but long enough to be looked at")
    assert "no pcap file that can be read" in refusal(path)
    with OwnWriter(str(path), LINKTYPE_RAW):
        pass
    assert "holds no packets" in refusal(path)
    with PcapWriter(str(path), linktype=LINKTYPE_RAW) as file:
        for at_s in (10.0, 9.5):
            packet = packets(1)[0]
            packet.time = at_s
            file.write(packet)
    said = refusal(path)
    assert "packet 2 is 0.500000 s earlier than the one before it; sort the file" in said


def test_a_port_filter_is_a_program_of_whole_instructions() -> None:
    assert len(port_filter(4791)._code) == 14 * 8


def test_replayed_packets_are_known_again_among_others(tmp_path: Path) -> None:
    recorded, received = tmp_path / "recorded.pcap", tmp_path / "received.pcap"
    made = packets(6, "--kind", "rocev2", "--flows", "2")
    with OwnWriter(str(recorded), LINKTYPE_RAW) as file:
        for number, packet in enumerate(made):
            file.write(number, bytes(packet))
    recording = Recording(str(recorded), "10.0.0.7", "10.0.0.8")
    sent = [packet for _, packet in recording.packets()]
    assert [IP(packet).dst for packet in sent] == ["10.0.0.8"] * 6
    stranger = bytes(IP(src="10.0.0.7", dst="10.0.0.8") / UDP(sport=1, dport=4791))
    with OwnWriter(str(received), LINKTYPE_ETHERNET) as file:
        for packet in (sent[0], stranger, sent[2], sent[2], sent[4]):
            routed = IP(packet)
            routed.ttl -= 1
            del routed.chksum
            file.write(0, bytes(Ether(type=0x0800) / routed) + bytes(4))
    Path(f"{received}.json").write_text('{"realtime_minus_monotonic_ns": 0}')
    again = Recording(str(recorded), "10.0.0.7", "10.0.0.8")
    assert arrived(again, 5, received, "10.0.0.7") == 3
