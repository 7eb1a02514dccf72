"""An inference server: reads requests and streams tokens when a model of the computing says so.

A tool server is one whose model answers with a single message.
"""

from __future__ import annotations

import socket
from argparse import Namespace

from traffic.batching import SEPARATE, Batching, Model, Work
from traffic.clock import NS_PER_MS, NS_PER_S, now_ns
from traffic.command import window
from traffic.event_loop import READ, WRITE, EventLoop
from traffic.inference_wire import REQUEST, Rubbish, pack_refusal, pack_token, unpack_request
from traffic.listening import listen, on_connection
from traffic.output import write_json
from traffic.weights import Fetch

_READ_BYTES = 1 << 18


class _Connection:
    """One client's connection and the request that it carries at present."""

    def __init__(self, server: _Server, sock: socket.socket) -> None:
        self.server, self.sock = server, sock
        self.head = bytearray()
        self.request_id: int | None = None
        self.prompt_left = 0
        self.work: Work | None = None
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
        self.server.counts["received_bytes"] += len(data)
        self.take(data)

    def take(self, data: bytes) -> None:
        if self.work is not None:
            raise Rubbish("bytes behind a request")
        if self.request_id is None:
            missing = REQUEST.size - len(self.head)
            self.head += data[:missing]
            data = data[missing:]
            if len(self.head) < REQUEST.size:
                return
            self.request_id, *_, self.prompt_left = unpack_request(self.head)
        self.prompt_left -= len(data)
        if self.prompt_left < 0:
            raise Rubbish("bytes behind a request")
        if self.prompt_left == 0:
            _, prompt_tokens, answer_tokens, _ = unpack_request(self.head)
            self.work = Work(self, prompt_tokens, answer_tokens)
            self.server.enqueue(self, self.work)

    def send_token(self, index: int) -> bool:
        """Stream a token that was made; whether it was the last one of a client still there."""
        if not self.open or self.work is None or self.request_id is None:
            return False
        last = index == self.work.answer_tokens - 1
        message = pack_token(self.request_id, index, self.server.token_bytes)
        if last:
            self.end_request()
        self.send(message)
        return last

    def refuse(self, reason: str) -> None:
        """Say that the request is not taken; the connection stays."""
        assert self.request_id is not None
        message = pack_refusal(self.request_id, reason)
        self.end_request()
        self.send(message)

    def end_request(self) -> None:
        self.work = self.request_id = None
        self.head.clear()

    def send(self, message: bytes) -> None:
        self.unsent += message
        try:
            self.flush()
        except OSError:
            self.server.drop(self)

    def flush(self) -> None:
        try:
            sent = self.sock.send(self.unsent)
        except BlockingIOError:
            sent = 0
        self.server.counts["sent_bytes"] += sent
        del self.unsent[:sent]
        events = READ | WRITE if self.unsent else READ
        self.server.loop.watch(self.sock, events, self.on_event)


class _Server:
    def __init__(self, model: Model, token_bytes: int, loop: EventLoop) -> None:
        self.loop, self.token_bytes = loop, token_bytes
        self.batching = Batching(model)
        self.loading: Fetch | None = None
        self.timer_ns: int | None = None
        names = (
            "connections", "requests", "completed", "aborted", "refused", "rubbish",
            "longest_queue", "largest_batch", "received_bytes", "sent_bytes",
        )  # fmt: skip
        self.counts = dict.fromkeys(names, 0)

    def take(self, sock: socket.socket) -> None:
        self.counts["connections"] += 1
        _Connection(self, sock)

    def enqueue(self, connection: _Connection, work: Work) -> None:
        """A request is whole: compute it or say why not."""
        self.counts["requests"] += 1
        self.advance()
        loading = self.loading is not None and not self.loading.done
        refusal = "its weights are not there yet" if loading else self.batching.refusal(work)
        if refusal is not None:
            self.counts["refused"] += 1
            connection.refuse(refusal)
            return
        self.batching.add(work, now_ns())
        self.note()

    def advance(self) -> None:
        """Send what is computed by now."""
        for work, index in self.batching.advance(now_ns()):
            connection = work.owner
            assert isinstance(connection, _Connection)
            self.counts["completed"] += connection.send_token(index)
        self.note()

    def note(self) -> None:
        """Come back when the next token is made; remember how full it was."""
        counts, batching = self.counts, self.batching
        counts["longest_queue"] = max(counts["longest_queue"], len(batching.queue))
        counts["largest_batch"] = max(counts["largest_batch"], len(batching.batch))
        next_ns = batching.next_ns
        if next_ns is not None and (self.timer_ns is None or next_ns < self.timer_ns):
            self.timer_ns = next_ns
            self.loop.at(next_ns, self.on_time)

    def on_time(self) -> None:
        self.timer_ns = None
        self.advance()

    def drop(self, connection: _Connection) -> None:
        """The client is gone: its request ends and its place is free."""
        if not connection.open:
            return
        connection.open = False
        self.loop.forget(connection.sock)
        connection.sock.close()
        if connection.work is not None:
            self.counts["aborted"] += 1
            self.batching.cancel(connection.work, now_ns())
            connection.work = None
            self.note()

    def summary(self, program: str) -> dict[str, object]:
        """The counts; what has come is completed, refused, aborted or unfinished."""
        unfinished = len(self.batching.batch) + len(self.batching.queue)
        record: dict[str, object] = {"program": program, **self.counts, "unfinished": unfinished}
        if self.loading is not None:
            record["weights"] = self.loading.record()
        return record


def serve(args: Namespace) -> int:
    """Serve until the end and write the counts. Raises Failure."""
    model = Model(
        prefill_ns=round(args.prefill_ms * NS_PER_MS),
        prefill_ns_per_token=args.prefill_per_token_ms * NS_PER_MS,
        decode_ns=round(args.decode_ms * NS_PER_MS),
        decode_ns_per_request=round(args.decode_per_request_ms * NS_PER_MS),
        slots=args.slots,
        kv_tokens=args.kv_tokens,
        queue=args.queue,
        prefill=args.prefill,
        chunk_tokens=args.chunk_tokens,
    )
    return _run(args, model, args.token_bytes, "inference-server")


def serve_tool(args: Namespace) -> int:
    """Answer tool calls until the end and write the counts. Raises Failure."""
    model = Model(
        prefill_ns=round(args.tool_ms * NS_PER_MS),
        prefill_ns_per_token=0,
        decode_ns=NS_PER_S,  # never used: the answer is one message
        slots=args.slots,
        prefill=SEPARATE,
    )
    return _run(args, model, args.answer_bytes, "inference-tool")


def _run(args: Namespace, model: Model, token_bytes: int, program: str) -> int:
    start_ns, stop_ns = window(args)
    with listen(args.bind, args.port, args.dscp) as listener, EventLoop() as loop:
        loop.stop_on_signals()
        server = _Server(model, token_bytes, loop)
        if args.weights_from:
            server.loading = Fetch(loop, args.weights_from, args.weights_bytes, args.connections)
            begin_ns = start_ns + round(args.weights_after_s * NS_PER_S)
            loop.at(begin_ns, server.loading.begin)
        on_connection(loop, listener, server.take)
        write_json(args.out, server.summary(program))  # fails before the run, not after
        if stop_ns is not None:
            loop.at(stop_ns, loop.stop)
        loop.run()
        write_json(args.out, server.summary(program))
    return 0
