r"""Micro-bursts: many senders answer one receiver at the same instant, over TCP.

    python -m traffic.incast receive --port 7100 --senders 8 --out received.jsonl
    python -m traffic.incast send --to 10.0.0.1:7100 --sender 0 --bytes 64000 --period-ms 100 \
        --jitter-us 20 --bursts 50 --start-at-ns NS --out sent-0.jsonl

What a storage or parameter server sees when all answers come at once (A. Phanishayee et al.,
"Measurement and analysis of TCP throughput collapse", FAST 2008). Each sender is late by its
own random share of the declared jitter. A burst that cannot begin on time begins late.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import sys
from argparse import Namespace

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns, wait_until, wake_exactly
from traffic.command import MAX_PORT, Failure, Parser, add_window, address, number, run, whole
from traffic.command import window as window_of
from traffic.event_loop import READ, EventLoop
from traffic.listening import listen, on_connection
from traffic.output import JsonLines
from traffic.stopping import Stop

PROGRAM = "traffic.incast"
NS_PER_US = 1_000
_BURST = struct.Struct("<IIIQq")  # magic, sender, burst, bytes, when it was due
_MAGIC = 0x46434943  # "FCIC"
_RETRY_NS = 20 * NS_PER_MS
_SLICE_MS = 100
_READ_BYTES = 1 << 18
_MAX_SENDERS = 4096
# struct tcp_info, linux/tcp.h: tcpi_total_retrans.
_RETRANSMITTED_AT, _TCP_INFO_BYTES = 100, 104


class Sender:
    """One sender's bursts and its log."""

    def __init__(self, args: Namespace, log: JsonLines, stop: Stop) -> None:
        self.args, self.log, self.stop = args, log, stop
        self.start_ns, self.stop_ns = window_of(args)
        self.random = random.Random(args.seed * _MAX_SENDERS + args.sender)
        self.burst = self.sent_bytes = 0
        self.due_ns = self.start_ns
        self.begun_ns: int | None = None

    def run(self) -> None:
        """Connect, then send all bursts. Raises OSError, or Failure for nobody there."""
        with self._connected() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            while self._goes_on() and wait_until(self.due_ns, self.stop):
                self._send(sock)
                self.burst += 1

    def _goes_on(self) -> bool:
        """Whether there is another burst, and when it is due."""
        args = self.args
        self.sent_bytes, self.begun_ns = 0, None
        late_ns = round(self.random.uniform(0, args.jitter_us) * NS_PER_US)
        self.due_ns = self.start_ns + round(self.burst * args.period_ms * NS_PER_MS) + late_ns
        if args.bursts is not None and self.burst >= args.bursts:
            return False
        return self.stop_ns is None or self.due_ns < self.stop_ns

    def _connected(self) -> socket.socket:
        deadline_ns = now_ns() + round(self.args.connect_timeout_s * NS_PER_S)
        reason = "did not answer"
        while now_ns() < deadline_ns and not self.stop.requested:
            try:
                return socket.create_connection(self.args.to, timeout=1.0)
            except OSError as error:
                reason = error.strerror or reason
                wait_until(now_ns() + _RETRY_NS, self.stop)
        raise OSError(0, "the receiver at {}:{}: {}".format(*self.args.to, reason))

    def _send(self, sock: socket.socket) -> None:
        args = self.args
        before, self.begun_ns = _retransmitted(sock), now_ns()
        header = _BURST.pack(_MAGIC, args.sender, self.burst, args.bytes, self.due_ns)
        left = memoryview(header + bytes(args.bytes))
        writable = select.poll()
        writable.register(sock, select.POLLOUT)
        moved_ns = now_ns()
        while left:
            try:
                sent = sock.send(left)
            except BlockingIOError:
                sent = 0
            if sent:
                left, moved_ns = left[sent:], now_ns()
                self.sent_bytes = max(0, args.bytes - len(left))
            elif not writable.poll(_SLICE_MS):
                self._check(now_ns() - moved_ns)
        record = {"accepted_ns": now_ns(), "retransmitted": _retransmitted(sock) - before}
        self.log.write(self.record("ok", None) | record)

    def _check(self, idle_ns: int) -> None:
        if self.stop.requested:
            raise OSError(0, "ended by a signal")
        if idle_ns >= self.args.stall_timeout_s * NS_PER_S:
            raise OSError(0, f"nothing moved for {idle_ns / NS_PER_S:g} s")

    def record(self, status: str, reason: str | None) -> dict[str, object]:
        """A burst's line in the log; what is not known is null."""
        return {
            "sender": self.args.sender,
            "burst": self.burst,
            "status": status,
            "reason": reason,
            "due_ns": self.due_ns,
            "begun_ns": self.begun_ns,
            "accepted_ns": None,
            "bytes": self.args.bytes,
            "sent_bytes": self.sent_bytes,
            "retransmitted": None,
        }


class Arrivals:
    """One connection of the receiver: burst after burst."""

    def __init__(self, receiver: Receiver, sock: socket.socket) -> None:
        self.receiver, self.sock = receiver, sock
        self._header = b""
        self._left = 0
        self._record: dict[str, object] = {}

    def on_event(self, _events: int) -> None:
        """Take what has come."""
        try:
            data = self.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or "broken")
            return
        if not data:
            self._end("the sender closed its connection")
            return
        present_ns = now_ns()
        while data:
            data = self._take(data, present_ns)

    def _take(self, data: bytes, present_ns: int) -> bytes:
        if self._left:
            taken = min(self._left, len(data))
            self._left -= taken
            if not self._left:
                self._finish("ok", None, present_ns)
            return data[taken:]
        missing = _BURST.size - len(self._header)
        self._header += data[:missing]
        if len(self._header) == _BURST.size:
            magic, sender, burst, size, due_ns = _BURST.unpack(self._header)
            self._header = b""
            if magic != _MAGIC:
                self._end("it sent something else than a burst", failed=True)
                return b""
            self._left = size
            self._record = {"sender": sender, "burst": burst, "due_ns": due_ns,
                            "first_ns": present_ns, "bytes": size}  # fmt: skip
        return data[missing:]

    def _finish(self, status: str, reason: str | None, end_ns: int | None) -> None:
        received = int(str(self._record["bytes"])) - self._left
        known = {"status": status, "reason": reason, "end_ns": end_ns, "received_bytes": received}
        self.receiver.log.write(self._record | known)
        self._left = 0

    def _end(self, reason: str, failed: bool = False) -> None:
        self.give_up(reason)
        self.receiver.ended(self, failed)

    def give_up(self, reason: str) -> None:
        """No more comes: what is begun stays unfinished."""
        if self._left:
            self._finish("unfinished", reason, None)
        self.receiver.loop.forget(self.sock)
        self.sock.close()


class Receiver:
    """Takes the bursts of all senders; done when all have come and gone."""

    def __init__(self, args: Namespace, log: JsonLines, loop: EventLoop) -> None:
        self.senders: int | None = args.senders
        self.log, self.loop = log, loop
        self.open: set[Arrivals] = set()
        self.gone = self.strangers = 0

    def finish(self) -> None:
        """The run is over: what is begun stays unfinished."""
        came = self.gone + len(self.open)
        if self.senders is not None and came < self.senders:
            print(f"{PROGRAM}: {came} of {self.senders} senders came", file=sys.stderr)
        for arrivals in list(self.open):
            arrivals.give_up("the run ended")

    def connected(self, sock: socket.socket) -> None:
        """A sender is here."""
        arrivals = Arrivals(self, sock)
        self.open.add(arrivals)
        self.loop.watch(sock, READ, arrivals.on_event)

    def ended(self, arrivals: Arrivals, failed: bool) -> None:
        """A sender is gone; a stranger does not count as one."""
        self.open.discard(arrivals)
        self.strangers += failed
        self.gone += not failed
        if self.senders is not None and self.gone >= self.senders:
            self.loop.stop()


def main(arguments: list[str]) -> int:
    """Run the program: 0 if all went well or the run was ended, 1 if it failed."""
    args = parse(arguments)
    wake_exactly()
    return _send(args) if args.role == "send" else _receive(args)


def _send(args: Namespace) -> int:
    stop = Stop().on_signals()
    with JsonLines(args.out) as log:
        sender = Sender(args, log, stop)
        try:
            sender.run()
        except OSError as error:
            log.write(sender.record("unfinished", error.strerror))
            if not stop.requested:
                where = f"sender {args.sender}, burst {sender.burst}"
                raise Failure(f"{where}: {error.strerror}") from None
    return 0


def _receive(args: Namespace) -> int:
    with JsonLines(args.out) as log, EventLoop() as loop:
        loop.stop_on_signals()
        _, stop_ns = window_of(args)
        receiver = Receiver(args, log, loop)
        with listen(args.bind, args.port) as listener:
            on_connection(loop, listener, receiver.connected)
            if stop_ns is not None:
                loop.at(stop_ns, loop.stop)
            loop.run()
            loop.forget(listener)
        receiver.finish()
    return 0


def _retransmitted(sock: socket.socket) -> int:
    """Segments sent again so far; 0 where the kernel does not say."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    return int.from_bytes(info[_RETRANSMITTED_AT:_TCP_INFO_BYTES], "little")


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True, metavar="send|receive")
    send = roles.add_parser("send", help="one sender")
    send.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    send.add_argument("--sender", type=whole(0, _MAX_SENDERS - 1), default=0, help="number (0)")
    send.add_argument("--bytes", type=whole(1, 2**32), required=True, help="of each burst")
    send.add_argument(
        "--period-ms", type=number(0.001, 1e7), default=100.0, help="between two bursts (100)"
    )
    send.add_argument(
        "--jitter-us", type=number(0, 1e9), default=0.0,
        help="largest delay of a sender's burst after the common instant (0)",
    )  # fmt: skip
    send.add_argument("--bursts", type=whole(1, 10**9), help="end after so many")
    send.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="of the jitter (0)")
    for name, default, what in (
        ("--connect-timeout-s", 30.0, "how long to wait for the receiver"),
        ("--stall-timeout-s", 60.0, "how long nothing may move"),
    ):
        send.add_argument(
            name, type=number(0.001, 1e6), default=default, help=f"{what} ({default:g})"
        )
    receive = roles.add_parser("receive", help="the receiver")
    receive.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    receive.add_argument("--port", type=whole(1, MAX_PORT), required=True)
    receive.add_argument(
        "--senders", type=whole(1, _MAX_SENDERS),
        help="end when so many have come and gone (never)",
    )  # fmt: skip
    for role in (send, receive):
        role.add_argument("--out", required=True, metavar="FILE", help="one JSON line per burst")
        add_window(role)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run(PROGRAM, main)
