"""The matrix's receiver: counts each flow, in memory that does not grow with time."""

from __future__ import annotations

import socket
from argparse import Namespace
from bisect import bisect_right

from traffic.batch_receive import BatchReceiver
from traffic.clock import NS_PER_MS, realtime_offset_ns
from traffic.command import window
from traffic.output import write_json
from traffic.probe_packet import HEADER, MAGIC
from traffic.stopping import Stop
from traffic.udp import listening, take_regularly

_WAKE_EVERY_NS = 50 * NS_PER_MS


class _Counts:
    """One flow: packets and delays by when they were sent, and the highest number."""

    __slots__ = ("bytes", "delay_max_ns", "delay_sum_ns", "highest", "packets")

    def __init__(self, parts: int) -> None:
        self.packets = [0] * parts
        self.delay_sum_ns = [0] * parts
        self.delay_max_ns = [0] * parts
        self.bytes = 0
        self.highest = -1

    def record(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


class _Receiver:
    def __init__(self, sock: socket.socket, borders_ns: list[int]) -> None:
        self.batches = BatchReceiver(sock, HEADER)
        self.borders_ns = sorted(borders_ns)
        self.offset_ns = realtime_offset_ns()
        self.flows: dict[int, _Counts] = {}
        self.malformed = 0

    def take(self) -> None:
        """Count everything that has arrived since the last call."""
        for length, realtime_ns, (magic, number, sequence, sent_ns) in self.batches.take():
            if length < HEADER.size or magic != MAGIC:
                self.malformed += 1
                continue
            counts = self.flows.get(number)
            if counts is None:
                counts = self.flows[number] = _Counts(len(self.borders_ns) + 1)
            part = bisect_right(self.borders_ns, sent_ns)
            delay_ns = realtime_ns - self.offset_ns - sent_ns
            counts.packets[part] += 1
            counts.delay_sum_ns[part] += delay_ns
            counts.delay_max_ns[part] = max(counts.delay_max_ns[part], delay_ns)
            counts.bytes += length
            counts.highest = max(counts.highest, sequence)

    def summary(self, interrupted: bool) -> dict[str, object]:
        return {
            "program": "matrix-receive",
            "borders_ns": self.borders_ns,
            "flows": {number: self.flows[number].record() for number in sorted(self.flows)},
            "malformed": self.malformed,
            "kernel_drops": self.batches.kernel_drops(),
            "interrupted": interrupted,
        }


def receive(args: Namespace) -> int:
    """Count as the arguments say, then write the counts. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    with listening(args.bind, args.port) as sock:
        receiver = _Receiver(sock, args.borders_ns)
        write_json(args.out, receiver.summary(interrupted=True))  # fails before the run, not after
        take_regularly(receiver.take, _WAKE_EVERY_NS, start_ns, stop_ns, stop)
        ended_early = stop.requested and stop_ns is not None
        write_json(args.out, receiver.summary(interrupted=ended_early))
    return 0
