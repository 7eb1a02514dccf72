"""Packets that ordinary sockets do not send, made with Scapy: how they look, byte by byte.

`udp`: UDP datagrams with a chosen DSCP and ECN. `rocev2`: sends of reliable connections
(InfiniBand Architecture Specification, vol. 1, annex A17): UDP to port 4791, a base transport
header with queue pair and packet sequence number, and the invariant CRC. `vxlan`: Ethernet
frames in UDP (RFC 7348). Each payload begins with the packet's number, 8 bytes, big-endian.
"""

from __future__ import annotations

import struct
from argparse import Namespace
from typing import Any
from zlib import crc32

FORMS = ("udp", "rocev2", "vxlan")
ROCEV2_PORT, VXLAN_PORT = 4791, 4789
MAX_QUEUE_PAIR = 2**24 - 1
MAX_VNI = 2**24 - 1
NUMBER = struct.Struct(">Q")
UDP_OFFSET = 14 + 20
"""Where UDP begins in a frame."""
NUMBER_OFFSET = {"udp": UDP_OFFSET + 8, "rocev2": UDP_OFFSET + 8 + 12, "vxlan": UDP_OFFSET + 58}
"""Where the packet's number stands in a frame of each form."""

_FIRST_DYNAMIC_PORT = 0xC000
_DYNAMIC_PORTS = 0x4000
_FLOW_LABEL_BITS = 0xFFFFF
_SEND_FIRST, _SEND_MIDDLE, _SEND_LAST, _SEND_ONLY = 0x00, 0x01, 0x02, 0x04
_INNER_MAC = "02:00:00:00:00:%02x"


def flow_label(source_pair: int, target_pair: int) -> int:
    """The 20-bit flow label of a connection between two queue pairs, as Linux has it.

    Source: include/rdma/ib_verbs.h, rdma_calc_flow_label.
    """
    value = source_pair * target_pair
    value ^= value >> 20
    value ^= value >> 40
    return value & _FLOW_LABEL_BITS


def source_port(label: int) -> int:
    """The UDP source port (0xC000 to 0xFFFF) that stands for a flow label in RoCEv2.

    Source: include/rdma/ib_verbs.h, rdma_flow_label_to_udp_sport; IBTA annex A17.9.
    """
    return (label & 0x03FFF ^ label >> 14) | _FIRST_DYNAMIC_PORT


def build(args: Namespace, source: str, sequence: int) -> bytes:
    """One packet from its IP header on. Packets take the flows in turn."""
    from scapy.layers.inet import IP  # noqa: PLC0415  --help must not wait for Scapy

    host = args.to[0]
    # Never 0: the kernel would put another number there, which the invariant CRC covers.
    network = IP(src=source, dst=host, tos=args.dscp << 2 | args.ecn, id=1 + sequence % 0xFFFF)
    number = sequence // args.flows
    flow = sequence % args.flows
    payload = NUMBER.pack(sequence).ljust(args.payload_bytes, b"\0")
    transport = _TRANSPORTS[args.kind](args, flow, number, payload)
    return bytes(network / transport)


def _udp(args: Namespace, flow: int, _number: int, payload: bytes) -> Any:
    from scapy.layers.inet import UDP  # noqa: PLC0415
    from scapy.packet import Raw  # noqa: PLC0415

    port = _FIRST_DYNAMIC_PORT + (args.queue_pair + flow) % _DYNAMIC_PORTS
    return UDP(sport=port, dport=args.to[1]) / Raw(payload)


def _rocev2(args: Namespace, flow: int, number: int, payload: bytes) -> Any:
    from scapy.contrib.roce import BTH  # noqa: PLC0415
    from scapy.layers.inet import UDP  # noqa: PLC0415
    from scapy.packet import Raw  # noqa: PLC0415

    pair = (args.queue_pair + flow) & MAX_QUEUE_PAIR
    last = args.message_packets - 1
    place = number % args.message_packets
    header = BTH(
        opcode=_opcode(place, last), dqpn=pair, psn=number & MAX_QUEUE_PAIR, ackreq=place == last
    )
    port = source_port(flow_label(pair, pair))
    return UDP(sport=port, dport=args.to[1]) / header / Raw(payload)


def _opcode(place: int, last: int) -> int:
    if last == 0:
        return _SEND_ONLY
    return {0: _SEND_FIRST, last: _SEND_LAST}.get(place, _SEND_MIDDLE)


def _vxlan(args: Namespace, flow: int, number: int, payload: bytes) -> Any:
    from scapy.layers.inet import IP, UDP  # noqa: PLC0415
    from scapy.layers.l2 import Ether  # noqa: PLC0415
    from scapy.layers.vxlan import VXLAN  # noqa: PLC0415
    from scapy.packet import Raw  # noqa: PLC0415

    inner = (
        Ether(src=_INNER_MAC % 1, dst=_INNER_MAC % 2)
        / IP(src="192.168.0.1", dst="192.168.0.2", id=number & 0xFFFF)
        / UDP(sport=_FIRST_DYNAMIC_PORT + flow % _DYNAMIC_PORTS, dport=9)
        / Raw(payload)
    )
    # RFC 7348, section 5: a hash of the inner headers, so that inner flows stay apart.
    port = _FIRST_DYNAMIC_PORT + crc32(_inner_addresses(bytes(inner))) % _DYNAMIC_PORTS
    return UDP(sport=port, dport=args.to[1]) / VXLAN(vni=args.vni) / inner


def _inner_addresses(frame: bytes) -> bytes:
    """What names an inner flow: MAC addresses, IP addresses and ports."""
    return frame[:12] + frame[26:38]


_TRANSPORTS = {"udp": _udp, "rocev2": _rocev2, "vxlan": _vxlan}
