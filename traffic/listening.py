"""A listening TCP socket and the connections that come in on it."""

from __future__ import annotations

import socket
from collections.abc import Callable

from traffic.command import Failure
from traffic.event_loop import READ, EventLoop

_BACKLOG = 1024


def listen(bind: str, port: int, dscp: int = 0) -> socket.socket:
    """A non-blocking listener on bind (empty: all addresses). Raises Failure.

    dscp: the code point of all that its connections send.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if dscp:  # connections have it from their listener
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        sock.bind((bind, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise Failure(f"cannot listen on {bind or '*'}:{port}: {error.strerror}") from None
    return sock


def on_connection(
    loop: EventLoop, listener: socket.socket, take: Callable[[socket.socket], object]
) -> None:
    """Call take(sock) with each connection that comes in, non-blocking and without Nagle."""

    def accept(_events: int) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:  # gone before it was accepted
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        take(sock)

    loop.watch(listener, READ, accept)
