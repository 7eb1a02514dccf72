"""Open-loop requests: a late answer never delays the next request."""

from __future__ import annotations

import os
import random
import socket
from argparse import Namespace
from collections.abc import Callable

from traffic.clock import NS_PER_S, now_ns
from traffic.command import window
from traffic.event_loop import READ, WRITE, EventLoop
from traffic.inference_wire import Rubbish, TokenReader, pack_request
from traffic.output import JsonLines

_READ_BYTES = 1 << 16


class _Request:
    """One request, from its due time to its line in the log."""

    def __init__(self, number: int, due_ns: int, prompt_tokens: int, tokens: int) -> None:
        self.number, self.due_ns = number, due_ns
        self.prompt_tokens, self.tokens_expected = prompt_tokens, tokens
        self.sent_ns: int | None = None
        self.first_token_ns: int | None = None
        self.reader = TokenReader(number)
        self.received_bytes = 0
        self.reused = False
        self.over = False

    def record(self, status: str, reason: str | None, end_ns: int) -> dict[str, object]:
        return {
            "id": self.number,
            "status": status,
            "reason": reason,
            "due_ns": self.due_ns,
            "sent_ns": self.sent_ns,
            "first_token_ns": self.first_token_ns,
            "end_ns": end_ns,
            "prompt_tokens": self.prompt_tokens,
            "tokens_expected": self.tokens_expected,
            "tokens": self.reader.tokens,
            "received_bytes": self.received_bytes,
            "connection": "reused" if self.reused else "new",
        }


class _Connection:
    """A connection to the server with at most one request on it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.request: _Request | None = None
        self.connected = False
        self.unsent = b""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connect(self) -> None:
        """Begin to connect. What goes wrong ends the request, if there is one."""
        try:
            self.sock.connect(self.load.args.server)
        except BlockingIOError:
            pass
        except OSError as error:
            self.load.lost(self, error.strerror)
            return
        self.load.loop.watch(self.sock, READ | WRITE, self.on_event)

    def carry(self, request: _Request, message: bytes) -> None:
        self.request, self.unsent = request, message
        if self.connected:
            self.guarded(self.flush)

    def on_event(self, events: int) -> None:
        if not self.connected:
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.load.lost(self, os.strerror(error))
                return
            self.connected = True
            self.load.settled(self)
        self.guarded(self.flush if events & WRITE else self.read)

    def guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BlockingIOError:
            return
        except Rubbish as error:
            self.load.lost(self, f"rubbish: {error}")
        except OSError as error:
            self.load.lost(self, error.strerror)

    def flush(self) -> None:
        if self.unsent:
            if self.request and self.request.sent_ns is None:
                self.request.sent_ns = now_ns()
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        self.load.loop.watch(self.sock, READ | WRITE if self.unsent else READ, self.on_event)

    def read(self) -> None:
        data = self.sock.recv(_READ_BYTES)
        if not data:
            self.load.lost(self, "the server closed the connection")
        elif self.request is None:
            raise Rubbish("bytes without a request")
        else:
            self.take(self.request, data)

    def take(self, request: _Request, data: bytes) -> None:
        request.received_bytes += len(data)
        present_ns = now_ns()
        if request.reader.feed(data) and request.first_token_ns is None:
            request.first_token_ns = present_ns
        if request.reader.tokens > request.tokens_expected:
            raise Rubbish("more tokens than were asked for")
        if request.reader.tokens == request.tokens_expected and request.reader.clean:
            self.request = None
            self.load.completed(self, request, present_ns)

    def close(self) -> None:
        self.load.loop.forget(self.sock)
        self.sock.close()


class Load:
    """All requests of one user host, their connections and their log."""

    def __init__(self, args: Namespace, loop: EventLoop, log: JsonLines) -> None:
        self.args, self.loop, self.log = args, loop, log
        self.start_ns, self.stop_ns = window(args)
        self.timeout_ns = round(args.timeout_s * NS_PER_S)
        self.arrivals = random.Random(2 * args.seed)
        self.lengths = random.Random(2 * args.seed + 1)
        self.sent = 0
        self.due_s = 0.0
        self.arrivals_over = False
        self.idle: list[_Connection] = []
        self.outstanding: dict[int, tuple[_Request, _Connection]] = {}

    def begin(self) -> None:
        """Open the warm connections and schedule the first arrival and the end."""
        for _ in range(self.args.warm):
            _Connection(self).connect()
        self.schedule_next()
        if self.stop_ns is not None:
            self.loop.at(self.stop_ns, self.end_arrivals)
            self.loop.at(self.stop_ns + round(self.args.drain_s * NS_PER_S), self.loop.stop)

    def schedule_next(self) -> None:
        """Draw the next arrival; none is due after the stop."""
        self.due_s += self.arrivals.expovariate(self.args.rate_rps)
        due_ns = self.start_ns + round(self.due_s * NS_PER_S)
        if self.stop_ns is None or due_ns < self.stop_ns:
            self.loop.at(due_ns, lambda: self.arrive(due_ns))

    def arrive(self, due_ns: int) -> None:
        """Send one request, whatever became of those before."""
        self.schedule_next()
        prompt_tokens = self.args.prompt_tokens.draw(self.lengths)
        answer_tokens = self.args.answer_tokens.draw(self.lengths)
        request = _Request(self.sent, due_ns, prompt_tokens, answer_tokens)
        self.sent += 1
        size = prompt_tokens * self.args.bytes_per_token
        message = pack_request(request.number, prompt_tokens, answer_tokens, size)
        request.reused = bool(self.idle)
        connection = self.idle.pop() if self.idle else _Connection(self)
        self.outstanding[request.number] = (request, connection)
        self.loop.at(due_ns + self.timeout_ns, lambda: self.time_out(request))
        connection.carry(request, message)
        if not request.reused:
            connection.connect()

    def settled(self, connection: _Connection) -> None:
        """A connection is up; without a request it is a warm one."""
        if connection.request is None:
            self.idle.append(connection)

    def completed(self, connection: _Connection, request: _Request, end_ns: int) -> None:
        """The answer is whole; the connection can carry another request."""
        self.finish(request, "ok", None, end_ns)
        if self.args.connections == "pool":
            self.idle.append(connection)
        else:
            connection.close()

    def lost(self, connection: _Connection, reason: str | None) -> None:
        """A connection is no more; its request, if any, has failed."""
        if connection in self.idle:
            self.idle.remove(connection)
        connection.close()
        if connection.request:
            self.finish(connection.request, "failed", reason, now_ns())

    def time_out(self, request: _Request) -> None:
        """Give a request up that is still waiting."""
        if not request.over:
            self.lost(self.outstanding[request.number][1], "timeout")

    def finish(self, request: _Request, status: str, reason: str | None, end_ns: int) -> None:
        """Log how a request ended."""
        request.over = True
        del self.outstanding[request.number]
        self.log.write(request.record(status, reason, end_ns))
        if self.arrivals_over and not self.outstanding:
            self.loop.stop()

    def end_arrivals(self) -> None:
        """The time is over; answers may still come for a while."""
        self.arrivals_over = True
        if not self.outstanding:
            self.loop.stop()

    def end(self) -> None:
        """Log what is still outstanding: an unfinished request counts."""
        reason = "ended by a signal" if self.loop.interrupted else "the run ended"
        for request, connection in list(self.outstanding.values()):
            connection.close()
            self.finish(request, "unfinished", reason, now_ns())
        for connection in self.idle:
            connection.close()


def load(args: Namespace) -> int:
    """Send requests until the end; each becomes a line of the log. Raises Failure."""
    with JsonLines(args.out) as log, EventLoop() as loop:
        loop.stop_on_signals()
        requests = Load(args, loop, log)
        requests.begin()
        loop.run()
        requests.end()
    return 0
