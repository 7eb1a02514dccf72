"""Capture the packets of an interface, with the kernel's times, into a pcap file.

    python -m traffic.capture --interface s1-eth2 --out cut.pcap

FILE.json says how many packets there were and how the times in the file, which are
CLOCK_REALTIME, relate to CLOCK_MONOTONIC. Arrivals are seen before any filter of the interface
(a silently cut span's packets too), departures when they leave its queue. Needs root.
"""

from __future__ import annotations

import socket
import struct
from argparse import Namespace
from contextlib import ExitStack
from functools import partial

from traffic.batch_receive import BatchReceiver
from traffic.clock import NS_PER_MS, realtime_offset_ns, wake_exactly
from traffic.command import MAX_PORT, Failure, Parser, add_window, run, whole, window
from traffic.output import write_json
from traffic.packet_filter import port_filter
from traffic.pcap_file import LINKTYPE_ETHERNET, PcapWriter
from traffic.stopping import Stop
from traffic.udp import listening, take_regularly

PROGRAM = "traffic.capture"

_ETH_P_ALL = 3
_SO_ATTACH_FILTER = 26
_WAKE_EVERY_NS = 20 * NS_PER_MS
_SLOTS_BYTES = 1 << 20
_MOST_PACKETS = 10**9


class _Capture:
    def __init__(self, sock: socket.socket, args: Namespace, file: PcapWriter) -> None:
        slots = max(16, min(512, _SLOTS_BYTES // args.snap_bytes))
        self.receiver = BatchReceiver(sock, struct.Struct(f"{args.snap_bytes}s"), slots)
        self.args, self.file = args, file
        self.offset_ns = realtime_offset_ns()
        self.packets = self.written = self.bytes = 0

    def take(self, from_ns: int, until_ns: int | None) -> None:
        """Write what has come since the last call and belongs into the window."""
        for length, realtime_ns, (packet,) in self.receiver.take():
            at_ns = realtime_ns - self.offset_ns
            if at_ns < from_ns or (until_ns is not None and at_ns >= until_ns):
                continue
            self.packets += 1
            self.bytes += length
            if self.written < self.args.max_packets:
                self.file.write(realtime_ns, packet, length)
                self.written += 1

    def summary(self, interrupted: bool) -> dict[str, object]:
        return {
            "program": "capture",
            "interface": self.args.interface,
            "packets": self.packets,
            "bytes": self.bytes,
            "written": self.written,
            "kernel_drops": self.receiver.kernel_drops(),
            "realtime_minus_monotonic_ns": self.offset_ns,
            "interrupted": interrupted,
        }


def main(arguments: list[str]) -> int:
    """Capture as the arguments say. Raises Failure."""
    args = parse(arguments)
    wake_exactly()
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    with ExitStack() as stack:
        file = stack.enter_context(PcapWriter(args.out, LINKTYPE_ETHERNET, args.snap_bytes))
        if args.occupy:
            stack.enter_context(_occupied(args.port))
        capture = _Capture(stack.enter_context(_opened(args)), args, file)
        write_json(f"{args.out}.json", capture.summary(interrupted=True))
        take_regularly(
            partial(capture.take, start_ns, stop_ns), _WAKE_EVERY_NS, start_ns, stop_ns, stop
        )
        ended_early = stop.requested and stop_ns is not None
        write_json(f"{args.out}.json", capture.summary(interrupted=ended_early))
    return 0


def _opened(args: Namespace) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise Failure("capturing needs the right to open packet sockets (root)") from None
    try:
        if args.port is not None:
            program = port_filter(args.port)
            sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program.option())
        sock.bind((args.interface, _ETH_P_ALL))
    except OSError as error:
        sock.close()
        raise Failure(f"cannot capture on {args.interface}: {error.strerror}") from None
    return sock


def _occupied(port: int) -> socket.socket:
    """A socket that takes the port, so that nobody answers that nobody listens there."""
    sock = listening("", port)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    return sock


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--interface", required=True, metavar="NAME")
    parser.add_argument(
        "--snap-bytes", type=whole(64, 65_535), default=1700,
        help="how much of each packet is kept (1700)",
    )  # fmt: skip
    parser.add_argument(
        "--max-packets", type=whole(1, _MOST_PACKETS), default=_MOST_PACKETS,
        help=f"after so many they are counted only ({_MOST_PACKETS})",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=whole(1, MAX_PORT),
        help="only UDP and TCP over IPv4 from or to this port, without labels or tags",
    )  # fmt: skip
    parser.add_argument(
        "--occupy", action="store_true",
        help="listen on --port and read nothing, so that the kernel does not refuse the packets",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FILE", help="pcap; FILE.json sums up")
    add_window(parser)
    args = parser.parse_args(arguments)
    if args.occupy and args.port is None:
        parser.error("--occupy needs --port; add it")
    return args


if __name__ == "__main__":
    run(PROGRAM, main)
