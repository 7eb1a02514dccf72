"""The matrix's sender: one process for all flows of a host."""

from __future__ import annotations

import heapq
import random
import socket
from argparse import Namespace

from traffic.clock import NS_PER_S, AbsoluteSleep, wait_until
from traffic.command import window
from traffic.output import write_json
from traffic.probe_packet import HEADER, MAGIC
from traffic.schedule import Schedule, schedule_of
from traffic.stopping import Stop
from traffic.udp import resolved, sending

FRAME_BYTES = 8 + 20 + 14
"""What UDP, IPv4 and Ethernet put around a payload; a flow's rate counts it."""


class Flow:
    """Where a flow goes, and its rate in whole bits per second of frames."""

    __slots__ = ("number", "rate_bps", "to")

    def __init__(self, number: int, to: tuple[str, int], rate_bps: int) -> None:
        self.number, self.to, self.rate_bps = number, to, rate_bps


def work_ns(rate_bps: int, payload_bytes: int, phase: int, sequence: int) -> int:
    """How much of its schedule's time a flow has worked when a packet is due.

    phase: the first packet's place within the time between two, in millionths.
    """
    bits = (payload_bytes + FRAME_BYTES) * 8
    return (sequence * 1_000_000 + phase) * bits * NS_PER_S // (rate_bps * 1_000_000)


def packets_before(
    schedule: Schedule, rate_bps: int, payload_bytes: int, phase: int, stop_ns: int
) -> int:
    """How many of a flow's packets are due before a moment."""
    bits = (payload_bytes + FRAME_BYTES) * 8
    most = max(0, stop_ns - schedule.start_ns) * rate_bps // (bits * NS_PER_S) + 1
    return schedule.count_before(
        stop_ns, lambda number: work_ns(rate_bps, payload_bytes, phase, number), most
    )


def phase_of(seed: int, number: int) -> int:
    """A flow's phase, so that flows of one rate do not send in step."""
    return random.Random((seed << 32) + number).randrange(1_000_000)


class _Sender:
    def __init__(self, sock: socket.socket, args: Namespace, schedule: Schedule) -> None:
        self.sock, self.args, self.schedule = sock, args, schedule
        self.packet = bytearray(args.payload_bytes)
        self.to = [resolved(flow.to) for flow in args.flows]
        self.phases = [phase_of(args.seed, flow.number) for flow in args.flows]
        self.due = [0] * len(args.flows)
        self.not_sent = [0] * len(args.flows)

    def due_ns(self, index: int) -> int:
        flow = self.args.flows[index]
        work = work_ns(flow.rate_bps, self.args.payload_bytes, self.phases[index], self.due[index])
        return self.schedule.at(work)

    def send_until(self, stop_ns: int | None, stop: Stop) -> None:
        """Send every packet that is due before stop_ns, in the order of their times."""
        queue = [(self.due_ns(index), index) for index in range(len(self.due))]
        heapq.heapify(queue)
        sleep = AbsoluteSleep()
        while not stop.requested:
            at_ns, index = queue[0]
            if stop_ns is not None and at_ns >= stop_ns:
                return
            if not sleep(at_ns):
                continue
            self.send(index, at_ns)
            heapq.heapreplace(queue, (self.due_ns(index), index))

    def send(self, index: int, at_ns: int) -> None:
        flow, sequence = self.args.flows[index], self.due[index]
        HEADER.pack_into(self.packet, 0, MAGIC, flow.number, sequence, at_ns)
        try:
            self.sock.sendto(self.packet, self.to[index])
        except OSError:
            self.not_sent[index] += 1
        self.due[index] = sequence + 1

    def summary(self, interrupted: bool) -> dict[str, object]:
        flows = zip(self.args.flows, self.due, self.not_sent, strict=True)
        return {
            "program": "matrix-send",
            "payload_bytes": self.args.payload_bytes,
            "seed": self.args.seed,
            "flows": {
                flow.number: {
                    "to": "{}:{}".format(*flow.to),
                    "rate_bps": flow.rate_bps,
                    "due": due,
                    "not_sent": not_sent,
                }
                for flow, due, not_sent in flows
            },
            "interrupted": interrupted,
        }


def send(args: Namespace) -> int:
    """Send as the arguments say and write the counts. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    schedule = schedule_of(args, start_ns)
    with sending(args.dscp) as sock:
        sender = _Sender(sock, args, schedule)
        write_json(args.out, sender.summary(interrupted=True))  # fails before the run, not after
        wait_until(start_ns - 1, stop)
        sender.send_until(stop_ns, stop)
    write_json(args.out, sender.summary(interrupted=stop.requested))
    return 0
