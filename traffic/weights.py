"""Model weights on their way to an edge: a store that sends ranges of bytes, and a fetch.

A fetch shares the bytes out among several connections. One that breaks, or on which nothing
comes for a while, is opened again from where it stopped, until everything is there.
"""

from __future__ import annotations

import os
import socket
from argparse import Namespace

from traffic.clock import NS_PER_S, now_ns
from traffic.command import window
from traffic.event_loop import READ, WRITE, EventLoop
from traffic.inference_wire import FETCH, FETCH_MAGIC, Rubbish, unpack_fetch
from traffic.listening import listen, on_connection
from traffic.output import write_json

_CHUNK = bytes(1 << 18)
_RETRY_NS = NS_PER_S // 5
_STALL_NS = 5 * NS_PER_S


class _Sending:
    """One connection of the store: a request for a range, then its bytes."""

    def __init__(self, store: _Store, sock: socket.socket) -> None:
        self.store, self.sock = store, sock
        self.head = bytearray()
        self.left = 0
        store.loop.watch(sock, READ, self.on_event)

    def on_event(self, events: int) -> None:
        try:
            if events & ~WRITE:
                self.read()
            elif self.left:
                self.write()
        except BlockingIOError:
            return
        except (OSError, Rubbish) as error:
            self.store.drop(self, rubbish=isinstance(error, Rubbish))

    def read(self) -> None:
        data = self.sock.recv(FETCH.size)
        if not data:
            self.store.drop(self, rubbish=False)
            return
        self.head += data
        if self.left or len(self.head) > FETCH.size:
            raise Rubbish("bytes behind a request")
        if len(self.head) == FETCH.size:
            _, self.left = unpack_fetch(self.head)
            self.store.counts["requests"] += 1
            self.store.loop.watch(self.sock, READ | WRITE, self.on_event)

    def write(self) -> None:
        sent = self.sock.send(memoryview(_CHUNK)[: self.left])
        self.left -= sent
        self.store.counts["sent_bytes"] += sent
        if not self.left:
            self.head.clear()
            self.store.loop.watch(self.sock, READ, self.on_event)


class _Store:
    def __init__(self, loop: EventLoop) -> None:
        self.loop = loop
        self.counts = dict.fromkeys(("connections", "requests", "rubbish", "sent_bytes"), 0)

    def take(self, sock: socket.socket) -> None:
        self.counts["connections"] += 1
        _Sending(self, sock)

    def drop(self, sending: _Sending, rubbish: bool) -> None:
        self.counts["rubbish"] += rubbish
        self.loop.forget(sending.sock)
        sending.sock.close()


def serve_weights(args: Namespace) -> int:
    """Send whatever is asked for until the end, and write the counts. Raises Failure."""
    _, stop_ns = window(args)
    with listen(args.bind, args.port, args.dscp) as listener, EventLoop() as loop:
        loop.stop_on_signals()
        store = _Store(loop)
        on_connection(loop, listener, store.take)
        write_json(args.out, {"program": "inference-store", **store.counts})
        if stop_ns is not None:
            loop.at(stop_ns, loop.stop)
        loop.run()
        write_json(args.out, {"program": "inference-store", **store.counts})
    return 0


class _Part:
    """A range of the weights and the connection that brings it."""

    def __init__(self, fetch: Fetch, first: int, length: int) -> None:
        self.fetch, self.first, self.left = fetch, first, length
        self.sock: socket.socket | None = None
        self.asked = False
        self.heard_ns = 0

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.asked, self.heard_ns = False, now_ns()
        try:
            self.sock.connect(self.fetch.store)
        except BlockingIOError:
            pass
        except OSError as error:
            self.lose(error.strerror)
            return
        self.fetch.loop.watch(self.sock, READ | WRITE, self.on_event)

    def on_event(self, events: int) -> None:
        assert self.sock is not None
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.lose(os.strerror(error))
            return
        try:
            if events & ~WRITE:
                self.read(self.sock)
            elif not self.asked:
                self.sock.send(FETCH.pack(FETCH_MAGIC, self.first, self.left))
                self.asked = True
                self.fetch.loop.watch(self.sock, READ, self.on_event)
        except BlockingIOError:
            return
        except OSError as failure:
            self.lose(failure.strerror)

    def read(self, sock: socket.socket) -> None:
        data = sock.recv(len(_CHUNK))
        if not data:
            self.lose("the store closed the connection")
        elif len(data) > self.left:
            self.lose("rubbish: more bytes than were asked for")
        else:
            self.heard_ns = now_ns()
            self.first += len(data)
            self.left -= len(data)
            if not self.left:
                self.drop()
                self.fetch.part_done()

    def drop(self) -> None:
        if self.sock is not None:
            self.fetch.loop.forget(self.sock)
            self.sock.close()
            self.sock = None

    def lose(self, reason: str | None) -> None:
        """Go on where it stopped, a little later."""
        self.drop()
        self.fetch.breaks[str(reason)] = self.fetch.breaks.get(str(reason), 0) + 1
        self.fetch.loop.at(now_ns() + _RETRY_NS, self.connect)


class Fetch:
    """Fetches `size` bytes from a store over some connections."""

    def __init__(
        self, loop: EventLoop, store: tuple[str, int], size: int, connections: int
    ) -> None:
        self.loop, self.store, self.size = loop, store, size
        each, rest = divmod(size, connections)
        lengths = [each + (number < rest) for number in range(connections)]
        self.parts = [
            _Part(self, sum(lengths[:number]), length)
            for number, length in enumerate(lengths)
            if length
        ]
        self.begin_ns: int | None = None
        self.end_ns: int | None = None
        self.breaks: dict[str, int] = {}

    def begin(self) -> None:
        """Open all connections."""
        self.begin_ns = now_ns()
        for part in self.parts:
            part.connect()
        self.loop.at(self.begin_ns + _STALL_NS, self.watch_stalls)

    def watch_stalls(self) -> None:
        """Open those connections again on which nothing has come for a while."""
        present_ns = now_ns()
        for part in self.parts:
            if part.sock is not None and present_ns - part.heard_ns >= _STALL_NS:
                part.lose("stalled")
        if not self.done:
            self.loop.at(present_ns + _STALL_NS, self.watch_stalls)

    def part_done(self) -> None:
        """One connection has brought its share."""
        if not any(part.left for part in self.parts):
            self.end_ns = now_ns()

    @property
    def done(self) -> bool:
        """Whether everything is there."""
        return self.end_ns is not None

    def record(self) -> dict[str, object]:
        """Bytes, moments (CLOCK_MONOTONIC ns) and how often a connection broke, by reason."""
        missing = sum(part.left for part in self.parts)
        return {
            "bytes": self.size,
            "received_bytes": self.size - missing,
            "begin_ns": self.begin_ns,
            "end_ns": self.end_ns,
            "breaks": self.breaks,
        }
