"""Counts packets where they must not be, in the guest: the kernel counts, nothing is read.

    python -m experiments.forbidden.counter --watches watches.json --borders-ns 1,2,3 --out FILE

Each watch has a packet socket with a filter at the receiving end of a span, and one beside it
that takes everything: what that one counts shows that there was something to see. Arrivals
are seen before any filter of the device (a silently cut span's packets too).
"""

from __future__ import annotations

import json
import socket
import struct
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack

from experiments.forbidden.filter import arriving, arriving_between
from traffic.clock import run_first, wait_until, wake_exactly
from traffic.command import Failure, Parser, listed, run, whole
from traffic.output import write_json
from traffic.packet_filter import Filter
from traffic.stopping import Stop

PROGRAM = "experiments.forbidden.counter"
_ETH_P_ALL, _SO_ATTACH_FILTER = 3, 26
_SOL_PACKET, _STATISTICS = 263, 6
_COUNTS = struct.Struct("=II")  # packets, of these not kept
_MOST_BORDERS = 1000


def main(arguments: list[str]) -> int:
    """Count as the arguments say. Raises Failure."""
    args = parse(arguments)
    wake_exactly()
    run_first()
    stop = Stop().on_signals()
    with ExitStack() as stack:
        watches = [
            tuple(stack.enter_context(_opened(device, wanted)) for wanted in filters)
            for device, filters in _watches(args.watches)
        ]
        phases = []
        for number, border_ns in enumerate(args.borders_ns):
            wait_until(border_ns, stop)
            counts = [[_count(one) for one in sockets] for sockets in watches]
            if number:  # what came before the first border is not measured
                phases.append(counts)
            if stop.requested:
                break
        write_json(args.out, {"phases": phases})
    return 0


def _watches(path: str) -> Iterator[tuple[str, tuple[Filter, Filter]]]:
    try:
        with open(path, encoding="utf-8") as file:
            for one in json.load(file):
                yield one["device"], (arriving_between(one["addresses"]), arriving())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"cannot use the watches in {path}: {error}") from None


def _opened(device: str, wanted: Filter) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, wanted.option())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind((device, _ETH_P_ALL))
        _count(sock)
    except OSError as error:
        sock.close()
        raise Failure(f"cannot count on {device}: {error.strerror}") from None
    return sock


def _count(sock: socket.socket) -> int:
    """Packets since the last call, kept or not."""
    packets, _ = _COUNTS.unpack(sock.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size))
    return int(packets)


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description="Count packets where they must not be.")
    parser.add_argument("--watches", required=True, metavar="FILE", help="which, as JSON")
    parser.add_argument(
        "--borders-ns", required=True, type=listed(whole(0, 2**62), _MOST_BORDERS), metavar="NS,…",
        help="CLOCK_MONOTONIC: the first is when counting begins",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FILE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run(PROGRAM, main)
