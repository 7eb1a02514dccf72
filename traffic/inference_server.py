"""An inference server's model: a queue, slots, prefill and decode times, streamed tokens."""

from __future__ import annotations

import socket
from argparse import Namespace
from collections import deque

from traffic.clock import NS_PER_MS, now_ns
from traffic.command import Failure, window
from traffic.event_loop import READ, WRITE, EventLoop
from traffic.inference_wire import REQUEST, Rubbish, pack_token, unpack_request
from traffic.output import write_json

_READ_BYTES = 1 << 18
_BACKLOG = 1024


class _Connection:
    """One client's connection and the request that it carries at present."""

    def __init__(self, server: _Server, sock: socket.socket) -> None:
        self.server, self.sock = server, sock
        self.head = bytearray()
        self.prompt_left = 0
        self.request: tuple[int, int, int] | None = None  # id, prompt tokens, answer tokens
        self.decode_start_ns = 0
        self.token = 0
        self.unsent = bytearray()
        self.open = True
        server.loop.watch(sock, READ, self.on_event)

    def on_event(self, events: int) -> None:
        try:
            if events & WRITE:
                self.flush()
            if self.open and events & ~WRITE:
                self.read()
        except Rubbish:
            self.server.counts["rubbish"] += 1
            self.server.drop(self)
        except OSError:
            self.server.drop(self)

    def read(self) -> None:
        try:
            data = self.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.server.drop(self)
            return
        if self.request is not None and not self.prompt_left:
            raise Rubbish("bytes behind a request")
        self.take(data)

    def take(self, data: bytes) -> None:
        if self.request is None:
            missing = REQUEST.size - len(self.head)
            self.head += data[:missing]
            data = data[missing:]
            if len(self.head) < REQUEST.size:
                return
            *request, self.prompt_left = unpack_request(self.head)
            self.request = (request[0], request[1], request[2])
        self.prompt_left -= len(data)
        if self.prompt_left < 0:
            raise Rubbish("bytes behind a request")
        if self.prompt_left == 0:
            self.server.enqueue(self)

    def send_token(self) -> None:
        """Stream the next token; the next is due one decode time after this one was."""
        if not self.open or self.request is None:
            return
        request_id, _, answer_tokens = self.request
        self.unsent += pack_token(request_id, self.token, self.server.args.token_bytes)
        self.token += 1
        if self.token < answer_tokens:
            due_ns = self.decode_start_ns + self.token * self.server.decode_ns
            self.server.loop.at(due_ns, self.send_token)
        else:
            self.request, self.token = None, 0
            self.head.clear()
            self.server.finished(self)
        try:
            self.flush()
        except OSError:
            self.server.drop(self)

    def flush(self) -> None:
        try:
            sent = self.sock.send(self.unsent)
        except BlockingIOError:
            sent = 0
        del self.unsent[:sent]
        events = READ | WRITE if self.unsent else READ
        self.server.loop.watch(self.sock, events, self.on_event)


class _Server:
    def __init__(self, args: Namespace, loop: EventLoop, listener: socket.socket) -> None:
        self.args, self.loop, self.listener = args, loop, listener
        self.decode_ns = round(args.decode_ms * NS_PER_MS)
        self.queue: deque[_Connection] = deque()
        self.busy: set[_Connection] = set()
        self.counts = dict.fromkeys(
            ("connections", "requests", "completed", "aborted", "rubbish", "longest_queue"), 0
        )
        loop.watch(listener, READ, self.accept)

    def accept(self, events: int) -> None:
        try:
            sock, _ = self.listener.accept()
        except OSError:  # gone before it was accepted
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.counts["connections"] += 1
        _Connection(self, sock)

    def enqueue(self, connection: _Connection) -> None:
        self.counts["requests"] += 1
        self.queue.append(connection)
        self.start_next()
        self.counts["longest_queue"] = max(self.counts["longest_queue"], len(self.queue))

    def start_next(self) -> None:
        while self.queue and len(self.busy) < self.args.slots:
            connection = self.queue.popleft()
            self.busy.add(connection)
            assert connection.request is not None
            prompt_tokens = connection.request[1]
            prefill_ms = self.args.prefill_ms + self.args.prefill_per_token_ms * prompt_tokens
            connection.decode_start_ns = now_ns() + round(prefill_ms * NS_PER_MS)
            self.loop.at(connection.decode_start_ns, connection.send_token)

    def finished(self, connection: _Connection) -> None:
        self.counts["completed"] += 1
        self.busy.discard(connection)
        self.start_next()

    def drop(self, connection: _Connection) -> None:
        """The client is gone: its request ends and its slot is free."""
        if not connection.open:
            return
        connection.open = False
        self.loop.forget(connection.sock)
        connection.sock.close()
        if connection in self.busy or connection in self.queue:
            self.counts["aborted"] += 1
        self.busy.discard(connection)
        if connection in self.queue:
            self.queue.remove(connection)
        self.start_next()


def serve(args: Namespace) -> int:
    """Serve until the end and write the counts. Raises Failure."""
    _, stop_ns = window(args)
    with _listener(args) as listener, EventLoop() as loop:
        loop.stop_on_signals()
        server = _Server(args, loop, listener)
        write_json(args.out, _summary(server))  # fails before the run, not after
        if stop_ns is not None:
            loop.at(stop_ns, loop.stop)
        loop.run()
        write_json(args.out, _summary(server))
    return 0


def _summary(server: _Server) -> dict[str, object]:
    unfinished = len(server.busy) + len(server.queue)
    return {"program": "inference-server", **server.counts, "unfinished": unfinished}


def _listener(args: Namespace) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((args.bind, args.port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        where = f"{args.bind or '*'}:{args.port}"
        raise Failure(f"cannot listen on {where}: {error.strerror}") from None
    return sock
