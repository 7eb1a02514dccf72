"""Packets that ordinary sockets do not send, made with Scapy.

python -m traffic.crafted --to 10.0.0.2:4791 --kind rocev2 --count 1000 --out sent.json

`udp` are UDP datagrams with a chosen DSCP and ECN; `rocev2` are send-only packets of a
reliable connection (InfiniBand Architecture Specification vol. 1, annex A17): UDP to port
4791, a base transport header with queue pair and packet sequence number, and the invariant
CRC. As RoCEv2 senders do, the UDP source port is taken from the queue pair, so that each
pair is a flow of its own.
"""

from __future__ import annotations

import socket
from argparse import Namespace
from typing import Any

from traffic.clock import AbsoluteSleep, wait_until, wake_exactly
from traffic.command import Failure, Parser, add_window, address, run, whole, window
from traffic.output import write_json
from traffic.probe_packet import MAX_RATE_PPS
from traffic.schedule import Schedule
from traffic.stopping import Stop

PROGRAM = "traffic.crafted"
MAX_COUNT = 100_000
MAX_QUEUE_PAIR = 2**24 - 1

_FIRST_SOURCE_PORT = 49_152
_SOURCE_PORTS = 16_384
_RC_SEND_ONLY = 0x04


def build(args: Namespace, source: str, sequence: int) -> bytes:
    """One packet from its IP header on."""
    from scapy.contrib.roce import BTH  # noqa: PLC0415  --help must not wait for Scapy
    from scapy.layers.inet import IP, UDP  # noqa: PLC0415
    from scapy.packet import Raw  # noqa: PLC0415

    host, port = args.to
    network = IP(src=source, dst=host, tos=args.dscp << 2 | args.ecn, id=sequence & 0xFFFF)
    source_port = _FIRST_SOURCE_PORT + args.queue_pair % _SOURCE_PORTS
    packet: Any = network / UDP(sport=source_port, dport=port)
    if args.kind == "rocev2":
        packet /= BTH(opcode=_RC_SEND_ONLY, dqpn=args.queue_pair, psn=sequence & MAX_QUEUE_PAIR)
    return bytes(packet / Raw(bytes(args.payload_bytes)))


def main(arguments: list[str]) -> int:
    """Send the packets, or write them to a file. Raises Failure."""
    args = parse(arguments)
    wake_exactly()
    stop = Stop().on_signals()
    source = _source_of(args.to)
    packets = [build(args, source, sequence) for sequence in range(args.count)]
    if args.pcap:
        _write_pcap(args.pcap, packets)
        write_json(args.out, _summary(args, source, 0, 0))
        return 0
    start_ns, stop_ns = window(args)
    if stop_ns is not None:
        packets = packets[: Schedule(start_ns).packets_before(args.rate_pps, stop_ns)]
    sent, not_sent = _send(args, packets, start_ns, stop)
    write_json(args.out, _summary(args, source, sent, not_sent))
    return 0


def _send(args: Namespace, packets: list[bytes], start_ns: int, stop: Stop) -> tuple[int, int]:
    sent = not_sent = 0
    sleep = AbsoluteSleep()
    with _raw_socket() as sock:
        wait_until(start_ns - 1, stop)
        for sequence, packet in enumerate(packets):
            while not stop.requested and not sleep(
                Schedule(start_ns).due_ns(args.rate_pps, sequence)
            ):
                continue
            if stop.requested:
                break
            try:
                sock.sendto(packet, args.to)
                sent += 1
            except OSError:
                not_sent += 1
    return sent, not_sent


def _raw_socket() -> socket.socket:
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        raise Failure("crafted packets need the right to open raw sockets (root)") from None


def _source_of(peer: tuple[str, int]) -> str:
    """The address that the kernel sends from; checksums cover it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(peer)
        except OSError as error:
            raise Failure("cannot send to {}:{}: {}".format(*peer, error.strerror)) from None
        return str(sock.getsockname()[0])


def _write_pcap(path: str, packets: list[bytes]) -> None:
    from scapy.utils import RawPcapWriter  # noqa: PLC0415

    raw_ip = 101  # LINKTYPE_RAW
    try:
        with RawPcapWriter(path, linktype=raw_ip) as writer:
            for packet in packets:
                writer.write(packet)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from None


def _summary(args: Namespace, source: str, sent: int, not_sent: int) -> dict[str, object]:
    return {
        "program": "crafted",
        "kind": args.kind,
        "from": source,
        "to": "{}:{}".format(*args.to),
        "sent": sent,
        "not_sent": not_sent,
    }


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description="Send packets made with Scapy.")
    parser.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument("--kind", choices=("udp", "rocev2"), default="udp", help="(udp)")
    parser.add_argument("--count", type=whole(1, MAX_COUNT), default=1, help="(1)")
    parser.add_argument("--rate-pps", type=whole(1, MAX_RATE_PPS), default=1000, help="(1000)")
    parser.add_argument("--payload-bytes", type=whole(0, 65_000), default=64, help="(64)")
    parser.add_argument("--dscp", type=whole(0, 63), default=0, help="traffic class (0)")
    parser.add_argument("--ecn", type=whole(0, 3), default=0, help="ECN field (0)")
    parser.add_argument(
        "--queue-pair", type=whole(0, MAX_QUEUE_PAIR), default=1,
        help="names the flow: source port, and destination queue pair of rocev2 (1)",
    )  # fmt: skip
    parser.add_argument("--pcap", metavar="FILE", help="write the packets there, send nothing")
    parser.add_argument("--out", required=True, metavar="FILE", help="summary, JSON")
    add_window(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run(PROGRAM, main)
