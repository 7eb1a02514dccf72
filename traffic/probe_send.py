"""The probe's sender: each packet leaves when it is due."""

from __future__ import annotations

import errno
import socket
from argparse import Namespace
from contextlib import ExitStack

from traffic.clock import AbsoluteSleep, now_ns, run_first, wait_until
from traffic.command import window
from traffic.output import write_json
from traffic.probe_packet import HEADER, MAGIC
from traffic.schedule import Schedule, schedule_of
from traffic.stopping import Stop
from traffic.udp import sending

# Reading the clock takes virtual time and wall time; a sample shows a sender that lags.
_CHECK_EVERY = 100


class _Flow:
    """One class of service: its socket, its packet and what could not be sent."""

    def __init__(self, sock: socket.socket, number: int, dscp: int, payload_bytes: int) -> None:
        self.sock, self.number, self.dscp = sock, number, dscp
        self.packet = bytearray(payload_bytes)
        self.not_sent: dict[str, int] = {}

    def send(self, sequence: int, sent_ns: int) -> None:
        HEADER.pack_into(self.packet, 0, MAGIC, self.number, sequence, sent_ns)
        try:
            self.sock.send(self.packet)
        except ConnectionRefusedError:
            # This tells of an earlier packet that nobody listened to; ours was not tried.
            self._again()
        except OSError as error:
            self._count(error)

    def _again(self) -> None:
        try:
            self.sock.send(self.packet)
        except OSError as error:
            self._count(error)

    def _count(self, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        self.not_sent[name] = self.not_sent.get(name, 0) + 1

    def summary(self, due: int) -> dict[str, object]:
        return {
            "flow": self.number,
            "dscp": self.dscp,
            "sent": due - sum(self.not_sent.values()),
            "not_sent": self.not_sent,
        }


class _Sender:
    def __init__(self, flows: list[_Flow], args: Namespace, schedule: Schedule) -> None:
        self.flows, self.args, self.schedule = flows, args, schedule
        self.due = 0
        self.checked = 0
        self.worst_late_ns = 0

    def send_until(self, stop_ns: int | None, stop: Stop) -> None:
        """Send every packet that is due before stop_ns, one of each flow at a time."""
        sleep, sequence, due_ns = AbsoluteSleep(), 0, self.schedule.due_ns
        rate_pps, stamp_clock = self.args.rate_pps, self.args.stamp == "clock"
        count = None if stop_ns is None else self.schedule.packets_before(rate_pps, stop_ns)
        while sequence != count and not stop.requested:
            at_ns = due_ns(rate_pps, sequence)
            if not sleep(at_ns):
                continue
            for flow in self.flows:
                sent_ns = now_ns() if stamp_clock else at_ns
                flow.send(sequence, sent_ns)
            if stamp_clock:
                self.check(sent_ns - at_ns)
            elif sequence % _CHECK_EVERY == 0:
                self.check(now_ns() - at_ns)
            sequence += 1
        self.due = sequence

    def check(self, late_ns: int) -> None:
        self.checked += 1
        self.worst_late_ns = max(self.worst_late_ns, late_ns)

    def summary(self, interrupted: bool) -> dict[str, object]:
        args, due_ns, last = self.args, self.schedule.due_ns, self.due - 1
        flows = [flow.summary(self.due) for flow in self.flows]
        return {
            "program": "probe-send",
            "to": "{}:{}".format(*args.to),
            "rate_pps": args.rate_pps,
            "payload_bytes": args.payload_bytes,
            "stamp": args.stamp,
            "due": self.due,
            **flows[0],
            "flows": flows,
            "first_due_ns": due_ns(args.rate_pps, 0) if self.due else None,
            "last_due_ns": due_ns(args.rate_pps, last) if self.due else None,
            "checked": self.checked,
            "worst_late_ns": self.worst_late_ns if self.checked else None,
            "interrupted": interrupted,
        }


def send(args: Namespace) -> int:
    """Send as the arguments say and write the summary. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    schedule = schedule_of(args, start_ns)
    with ExitStack() as sockets:
        flows = [
            _Flow(sockets.enter_context(sending(dscp, args.to)), number, dscp, args.payload_bytes)
            for number, dscp in enumerate(args.dscp, start=args.flow)
        ]
        sender = _Sender(flows, args, schedule)
        write_json(args.out, sender.summary(interrupted=True))  # fails before the run, not after
        run_first()
        wait_until(start_ns - 1, stop)
        sender.send_until(stop_ns, stop)
    write_json(args.out, sender.summary(interrupted=stop.requested))
    return 0
