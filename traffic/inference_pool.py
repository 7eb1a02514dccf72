"""The client's side of the wire: connections to one server, each with at most one call on it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from traffic.clock import now_ns
from traffic.event_loop import READ, WRITE, EventLoop
from traffic.inference_wire import Refused, Rubbish, TokenReader, pack_request

_READ_BYTES = 1 << 16

OnEnd = Callable[["Call", "str | None"], None]
"""Called once with the call and why it failed (None: the answer is whole)."""


class Call:
    """One question to one server and its streamed answer."""

    def __init__(
        self, number: int, prompt_tokens: int, answer_tokens: int, size: int, on_end: OnEnd
    ) -> None:
        self.message = pack_request(number, prompt_tokens, answer_tokens, size)
        self.answer_tokens = answer_tokens
        self.reader = TokenReader(number)
        self.on_end = on_end
        self.connection: _Connection | None = None
        self.reused = False
        self.sent_ns: int | None = None
        self.first_token_ns: int | None = None
        self.last_token_ns: int | None = None
        self.end_ns: int | None = None
        self.sent_bytes = self.received_bytes = 0

    def end(self, reason: str | None) -> None:
        """Tell how it ended; nothing more comes."""
        self.end_ns = now_ns()
        self.connection, self.message = None, b""
        self.on_end(self, reason)

    def abandon(self, reason: str) -> None:
        """Give it up: its connection is closed, so that the server notices."""
        if self.connection is not None:
            self.connection.lose(reason)


class _Connection:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.call: Call | None = None
        self.connected = False
        self.unsent = memoryview(b"")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if pool.dscp:
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, pool.dscp << 2)

    def connect(self) -> None:
        """Begin to connect. What goes wrong ends the call, if there is one."""
        try:
            self.sock.connect(self.pool.server)
        except BlockingIOError:
            pass
        except OSError as error:
            self.lose(error.strerror)
            return
        self.pool.loop.watch(self.sock, READ | WRITE, self.on_event)

    def carry(self, call: Call) -> None:
        self.call, self.unsent = call, memoryview(call.message)
        call.connection = self
        if self.connected:
            self.guarded(self.flush)

    def on_event(self, events: int) -> None:
        if not self.connected:
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.lose(os.strerror(error))
                return
            self.connected = True
            if self.call is None:
                self.pool.idle.append(self)
        self.guarded(self.flush if events & WRITE else self.read)

    def guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BlockingIOError:
            return
        except Rubbish as error:
            self.lose(f"rubbish: {error}")
        except OSError as error:
            self.lose(error.strerror)

    def flush(self) -> None:
        if self.unsent and self.call is not None:
            if self.call.sent_ns is None:
                self.call.sent_ns = now_ns()
            sent = self.sock.send(self.unsent)
            self.call.sent_bytes += sent
            self.unsent = self.unsent[sent:]
        self.pool.loop.watch(self.sock, READ | WRITE if self.unsent else READ, self.on_event)

    def read(self) -> None:
        data = self.sock.recv(_READ_BYTES)
        if not data:
            self.lose("the server closed the connection")
        elif self.call is None:
            raise Rubbish("bytes without a request")
        else:
            self.take(self.call, data)

    def take(self, call: Call, data: bytes) -> None:
        call.received_bytes += len(data)
        try:
            tokens = call.reader.feed(data)
        except Refused as refusal:
            self.free(call, f"refused: {refusal}")
            return
        if tokens:
            call.last_token_ns = now_ns()
            if call.first_token_ns is None:
                call.first_token_ns = call.last_token_ns
        if call.reader.tokens > call.answer_tokens:
            raise Rubbish("more tokens than were asked for")
        if call.reader.tokens == call.answer_tokens and call.reader.clean:
            self.free(call, None)

    def free(self, call: Call, reason: str | None) -> None:
        """The exchange is over in good order; the connection can carry another."""
        self.call = None
        if self.unsent or not self.pool.keep:
            self.close()
        else:
            self.pool.idle.append(self)
        call.end(reason)

    def lose(self, reason: str | None) -> None:
        """The connection is no more; its call, if any, has failed."""
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        self.close()
        if (call := self.call) is not None:
            self.call = None
            call.end(reason or "the connection broke")

    def close(self) -> None:
        self.pool.loop.forget(self.sock)
        self.sock.close()


class Pool:
    """Connections to one server.

    keep: for later calls; else each call opens its own. dscp: the code point of what they send.
    """

    def __init__(
        self, loop: EventLoop, server: tuple[str, int], keep: bool = True, dscp: int = 0
    ) -> None:
        self.loop, self.server, self.keep, self.dscp = loop, server, keep, dscp
        self.idle: list[_Connection] = []

    @property
    def name(self) -> str:
        """HOST:PORT."""
        return f"{self.server[0]}:{self.server[1]}"

    def warm(self, connections: int) -> None:
        """Open connections beforehand."""
        for _ in range(connections):
            _Connection(self).connect()

    def begin(self, call: Call) -> None:
        """Send a call over an idle connection or a new one."""
        call.reused = bool(self.idle)
        connection = self.idle.pop() if self.idle else _Connection(self)
        connection.carry(call)
        if not call.reused:
            connection.connect()

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self.idle:
            connection.close()
        self.idle.clear()
