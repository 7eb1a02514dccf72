"""The two-way probe's sender: sends on a schedule and times what comes back."""

from __future__ import annotations

import socket
from argparse import Namespace

from traffic.batch_receive import BatchReceiver
from traffic.clock import (
    NS_PER_MS,
    AbsoluteSleep,
    now_ns,
    realtime_ns,
    realtime_offset_ns,
    run_first,
    wait_until,
)
from traffic.command import window
from traffic.output import write_json
from traffic.probe_flow import FlowAccount, Histogram
from traffic.schedule import Schedule, schedule_of
from traffic.stopping import Stop
from traffic.twamp_packet import REFLECTOR, TTL, between_ns, ntp_of, request
from traffic.udp import sending

_TAKE_EVERY_NS = 20 * NS_PER_MS


class _Answers:
    """What came back. Only packets from `first` on (its sequence number) are counted."""

    def __init__(self, receiver: BatchReceiver, first: int) -> None:
        self._receiver, self._first = receiver, first
        self._account = FlowAccount(lambda *_gap: None)
        self._ways = {"rtt": Histogram(), "forward": Histogram(), "backward": Histogram()}
        self.highest_reflected = -1
        self.answered = self.malformed = 0
        self.lowest_ttl: int | None = None

    def take(self) -> None:
        """Take all answers that wait."""
        for length, arrived_ns, fields in self._receiver.take():
            if length < REFLECTOR.size:
                self.malformed += 1
            else:
                self._one(ntp_of(arrived_ns), fields)

    def _one(self, arrived: int, fields: tuple[int, ...]) -> None:
        number, sent_back, _, _, reached, sequence, sent, _, _, ttl = fields
        self.answered += 1
        self.highest_reflected = max(self.highest_reflected, number)
        self.lowest_ttl = ttl if self.lowest_ttl is None else min(self.lowest_ttl, ttl)
        if sequence < self._first:
            return
        there_ns, back_ns = between_ns(reached, sent), between_ns(arrived, sent_back)
        self._account.add(sequence - self._first, 0, there_ns + back_ns)
        self._ways["rtt"].add(there_ns + back_ns)
        self._ways["forward"].add(there_ns)
        self._ways["backward"].add(back_ns)

    def figures(self, due: int) -> dict[str, object]:
        """Of the `due` packets from the first counted one on."""
        account = self._account
        found: dict[str, object] = {
            "sent": due,
            "received": account.received,
            "lost": due - account.received,
            "duplicates": account.duplicates,
            "reordered": account.reordered,
            "jitter_ns": account.jitter_ns if account.received > 1 else None,
        }
        for way, times in self._ways.items():
            found[f"{way}_min_ns"] = times.lowest
            found[f"{way}_p50_ns"] = times.percentile(50)
            found[f"{way}_p99_ns"] = times.percentile(99)
            found[f"{way}_max_ns"] = times.highest
        return found


class _Sender:
    def __init__(self, sock: socket.socket, args: Namespace, schedule: Schedule) -> None:
        self._sock, self._args, self._schedule = sock, args, schedule
        # Before the schedule's first packet nothing is left out.
        self._first = schedule.packets_before(args.rate_pps, args.count_from_ns)
        self._answers = _Answers(BatchReceiver(sock, REFLECTOR), self._first)
        self._offset_ns = realtime_offset_ns()
        self.due = self.not_sent = 0

    def send_until(self, stop_ns: int | None, stop: Stop) -> None:
        """Send every packet that is due before stop_ns; take the answers on the way."""
        args, schedule, sleep, sequence = self._args, self._schedule, AbsoluteSleep(), 0
        count = None if stop_ns is None else schedule.packets_before(args.rate_pps, stop_ns)
        take_ns = schedule.start_ns
        while sequence != count and not stop.requested:
            at_ns = schedule.due_ns(args.rate_pps, sequence)
            if at_ns > take_ns + _TAKE_EVERY_NS:
                self._answers.take()
                take_ns = max(take_ns + _TAKE_EVERY_NS, now_ns())
            if not sleep(min(at_ns, take_ns + _TAKE_EVERY_NS)) or at_ns > now_ns():
                continue
            self._send(sequence)
            sequence += 1
        self.due = sequence

    def _send(self, sequence: int) -> None:
        args = self._args
        packet = request(sequence, realtime_ns(), args.session, args.payload_bytes)
        try:
            self._sock.send(packet)
        except OSError:
            self.not_sent += 1

    def wait(self, stop: Stop) -> None:
        """Take the answers that are still on their way."""
        end_ns = now_ns() + self._args.wait_ms * NS_PER_MS
        while now_ns() < end_ns and not stop.requested:
            wait_until(min(end_ns, now_ns() + _TAKE_EVERY_NS), stop)
            self._answers.take()
        self._answers.take()

    def summary(self, interrupted: bool) -> dict[str, object]:
        answers = self._answers
        reached = None if self._args.stateless else answers.highest_reflected + 1
        return {
            "program": "twamp-send",
            "to": "{}:{}".format(*self._args.to),
            "rate_pps": self._args.rate_pps,
            "dscp": self._args.dscp,
            **answers.figures(max(0, self.due - self._first)),
            "session": {
                "due": self.due,
                "not_sent": self.not_sent,
                "reached": reached,
                "answered": answers.answered,
                "malformed": answers.malformed,
            },
            "lowest_ttl": answers.lowest_ttl,
            "clock_offset_drift_ns": realtime_offset_ns() - self._offset_ns,
            "interrupted": interrupted,
        }


def send(args: Namespace) -> int:
    """Send as the arguments say and write the figures. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    schedule = schedule_of(args, start_ns)
    with sending(args.dscp, args.to) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL)
        sender = _Sender(sock, args, schedule)
        write_json(args.out, sender.summary(interrupted=True))  # fails before the run, not after
        run_first()
        wait_until(start_ns - 1, stop)
        sender.send_until(stop_ns, stop)
        sender.wait(stop)
    write_json(args.out, sender.summary(interrupted=stop.requested))
    return 0
