"""The probe's sender: each packet leaves when it is due."""

from __future__ import annotations

import errno
import socket
from argparse import Namespace

from traffic.clock import AbsoluteSleep, now_ns, run_first, wait_until
from traffic.command import Failure, window
from traffic.output import write_json
from traffic.probe_packet import HEADER, MAGIC, due_ns, packets_before
from traffic.stopping import Stop

# Enough that a full queue below never makes a send wait.
_SEND_BUFFER_BYTES = 4 << 20
# Reading the clock takes virtual time and wall time; a sample shows a sender that lags.
_CHECK_EVERY = 100


class _Sender:
    def __init__(self, sock: socket.socket, args: Namespace, start_ns: int) -> None:
        self.sock = sock
        self.args = args
        self.start_ns = start_ns
        self.packet = bytearray(args.payload_bytes)
        self.due = 0
        self.not_sent: dict[str, int] = {}
        self.checked = 0
        self.worst_late_ns = 0

    def send_until(self, stop_ns: int | None, stop: Stop) -> None:
        """Send every packet that is due before stop_ns."""
        sleep, sequence, flow = AbsoluteSleep(), 0, self.args.flow
        rate_pps, stamp_clock = self.args.rate_pps, self.args.stamp == "clock"
        count = None if stop_ns is None else packets_before(self.start_ns, rate_pps, stop_ns)
        while sequence != count and not stop.requested:
            at_ns = due_ns(self.start_ns, rate_pps, sequence)
            if not sleep(at_ns):
                continue
            sent_ns = now_ns() if stamp_clock else at_ns
            HEADER.pack_into(self.packet, 0, MAGIC, flow, sequence, sent_ns)
            self.send_one()
            if stamp_clock:
                self.check(sent_ns - at_ns)
            elif sequence % _CHECK_EVERY == 0:
                self.check(now_ns() - at_ns)
            sequence += 1
        self.due = sequence

    def send_one(self) -> None:
        try:
            self.sock.send(self.packet)
        except ConnectionRefusedError:
            # This tells of an earlier packet that nobody listened to; ours was not tried.
            self.send_again()
        except OSError as error:
            self.count(error)

    def send_again(self) -> None:
        try:
            self.sock.send(self.packet)
        except OSError as error:
            self.count(error)

    def count(self, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        self.not_sent[name] = self.not_sent.get(name, 0) + 1

    def check(self, late_ns: int) -> None:
        self.checked += 1
        self.worst_late_ns = max(self.worst_late_ns, late_ns)

    def summary(self, interrupted: bool) -> dict[str, object]:
        last = self.due - 1
        rate_pps = self.args.rate_pps
        return {
            "program": "probe-send",
            "to": "{}:{}".format(*self.args.to),
            "flow": self.args.flow,
            "rate_pps": rate_pps,
            "payload_bytes": self.args.payload_bytes,
            "dscp": self.args.dscp,
            "stamp": self.args.stamp,
            "due": self.due,
            "sent": self.due - sum(self.not_sent.values()),
            "not_sent": self.not_sent,
            "first_due_ns": self.start_ns if self.due else None,
            "last_due_ns": due_ns(self.start_ns, rate_pps, last) if self.due else None,
            "checked": self.checked,
            "worst_late_ns": self.worst_late_ns if self.checked else None,
            "interrupted": interrupted,
        }


def send(args: Namespace) -> int:
    """Send as the arguments say and write the summary. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    with _connected(args) as sock:
        sender = _Sender(sock, args, start_ns)
        write_json(args.out, sender.summary(interrupted=True))  # fails before the run, not after
        run_first()
        wait_until(start_ns - 1, stop)
        sender.send_until(stop_ns, stop)
    write_json(args.out, sender.summary(interrupted=stop.requested))
    return 0


def _connected(args: Namespace) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, args.dscp << 2)
        sock.connect(args.to)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise Failure("cannot send to {}:{}: {}".format(*args.to, error.strerror)) from None
    return sock
