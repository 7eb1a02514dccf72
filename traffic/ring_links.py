"""The two connections of a ring's rank: to the next rank and from the previous one.

Sending and receiving go on at once: a ring of ranks that first send and then receive
stands still as soon as a chunk is larger than the socket buffers.
"""

from __future__ import annotations

import select
import socket
import struct

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns, wait_until
from traffic.stopping import Stop

Address = tuple[str, int]

_HELLO = struct.Struct("<IIIQI")
_MAGIC = 0x46435247  # "FCRG"
_RETRY_NS = 20 * NS_PER_MS
_ATTEMPT_S = 1.0
_SLICE_MS = 100


class Unfinished(Exception):
    """The exchange cannot be finished. `failed` is False if the run was simply over."""

    def __init__(self, reason: str, failed: bool = True) -> None:
        super().__init__(reason)
        self.failed = failed


class Patience:
    """How long a rank waits for the others.

    give_up_ns: no waiting after that point in time. stall_s: how long nothing may move.
    """

    def __init__(self, stop: Stop, stall_s: float, give_up_ns: int | None) -> None:
        self.stop = stop
        self.stall_ns = round(stall_s * NS_PER_S)
        self.give_up_ns = give_up_ns

    def check(self, idle_ns: int) -> None:
        """Raises Unfinished if it is over."""
        if self.stop.requested:
            raise Unfinished("ended by a signal", failed=False)
        if self.give_up_ns is not None and now_ns() >= self.give_up_ns:
            raise Unfinished("the run ended before the step", failed=False)
        if idle_ns >= self.stall_ns:
            raise Unfinished(f"nothing moved for {idle_ns / NS_PER_S:g} s")


class RingLinks:
    """Opened with `open_ring`; close with `close`."""

    def __init__(self, to_next: socket.socket, from_previous: socket.socket) -> None:
        self.to_next = to_next
        self.from_previous = from_previous
        self._incoming = select.poll()
        self._incoming.register(from_previous, select.POLLIN)
        self._outgoing = select.poll()
        self._outgoing.register(to_next, select.POLLOUT)
        self._both = select.poll()
        self._both.register(from_previous, select.POLLIN)
        self._both.register(to_next, select.POLLOUT)

    def close(self) -> None:
        """Close both connections; what was sent still arrives."""
        self.to_next.close()
        self.from_previous.close()

    def exchange(self, outgoing: memoryview, incoming: memoryview, patience: Patience) -> None:
        """Send all of one message while filling the other. Raises Unfinished."""
        idle_ns = 0
        while outgoing or incoming:
            try:
                sent, received = self._move(outgoing, incoming)
            except OSError as error:
                raise Unfinished(f"a neighbour's connection broke: {error.strerror}") from None
            outgoing, incoming = outgoing[sent:], incoming[received:]
            if sent or received or not (outgoing or incoming):
                idle_ns = 0
            elif not self._wait(bool(outgoing), bool(incoming)):
                idle_ns += _SLICE_MS * NS_PER_MS
                patience.check(idle_ns)

    def _move(self, outgoing: memoryview, incoming: memoryview) -> tuple[int, int]:
        sent = received = 0
        if outgoing:
            try:
                sent = self.to_next.send(outgoing)
            except BlockingIOError:
                sent = 0
        if incoming:
            try:
                received = self.from_previous.recv_into(incoming)
            except BlockingIOError:
                return sent, 0
            if not received:
                raise Unfinished("the previous rank closed its connection")
        return sent, received

    def _wait(self, sending: bool, receiving: bool) -> bool:
        poll = self._both if sending and receiving else self._outgoing
        poll = self._incoming if receiving and not sending else poll
        return bool(poll.poll(_SLICE_MS))


def open_ring(
    peers: list[Address], rank: int, total_bytes: int, timeout_s: float, stop: Stop
) -> RingLinks:
    """Connect to the next rank and accept the previous one. Raises Unfinished."""
    deadline_ns = now_ns() + round(timeout_s * NS_PER_S)
    hello = _HELLO.pack(_MAGIC, rank, len(peers), total_bytes, 0)
    previous = (rank - 1) % len(peers)
    expected = _HELLO.pack(_MAGIC, previous, len(peers), total_bytes, 0)
    with _listener(peers[rank]) as listener:
        to_next = _connect(peers[(rank + 1) % len(peers)], deadline_ns, stop)
        try:
            to_next.sendall(hello)
            from_previous = _accept(listener, expected, previous, deadline_ns, stop)
        except (OSError, Unfinished) as error:
            to_next.close()
            raise Unfinished(str(error), getattr(error, "failed", True)) from None
    for sock in (to_next, from_previous):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
    return RingLinks(to_next, from_previous)


def _listener(own: Address) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(own)
        sock.listen(8)
    except OSError as error:
        sock.close()
        raise Unfinished("cannot listen on {}:{}: {}".format(*own, error.strerror)) from None
    return sock


def _connect(peer: Address, deadline_ns: int, stop: Stop) -> socket.socket:
    reason = "did not answer"
    while now_ns() < deadline_ns and not stop.requested:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(_ATTEMPT_S)
        try:
            sock.connect(peer)
        except OSError as error:
            sock.close()
            reason = error.strerror or "did not answer"
            wait_until(now_ns() + _RETRY_NS, stop)
        else:
            return sock
    _check_stop(stop)
    raise Unfinished("the next rank at {}:{}: {}".format(*peer, reason))


def _accept(
    listener: socket.socket, expected: bytes, previous: int, deadline_ns: int, stop: Stop
) -> socket.socket:
    listener.settimeout(_ATTEMPT_S)
    while now_ns() < deadline_ns and not stop.requested:
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            continue
        if _is_previous(sock, expected):
            return sock
        sock.close()
    _check_stop(stop)
    raise Unfinished(f"the previous rank ({previous}) did not connect")


def _is_previous(sock: socket.socket, expected: bytes) -> bool:
    sock.settimeout(_ATTEMPT_S)
    try:
        hello = sock.recv(len(expected), socket.MSG_WAITALL)
    except OSError:
        return False
    if hello[: _HELLO.size] == expected:
        return True
    if len(hello) == _HELLO.size and hello[:4] == expected[:4]:
        _, rank, ranks, total_bytes, _ = _HELLO.unpack(hello)
        found = f"rank {rank} of {ranks} with {total_bytes} bytes"
        raise Unfinished(f"the previous rank has other parameters: {found}")
    return False


def _check_stop(stop: Stop) -> None:
    if stop.requested:
        raise Unfinished("ended by a signal", failed=False)
