"""UDP sockets as the generators need them, and taking what comes from one now and then."""

from __future__ import annotations

import socket
from collections.abc import Callable

from traffic.clock import AbsoluteSleep, now_ns, wait_until
from traffic.command import Failure
from traffic.stopping import Stop

# Enough that a full queue below never makes a send wait.
_SEND_BUFFER_BYTES = 4 << 20


def listening(address: str, port: int) -> socket.socket:
    """A socket that takes what comes to a port ("": of any address). Raises Failure."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        where = f"{address or '*'}:{port}"
        raise Failure(f"cannot listen on {where}: {error.strerror}") from None
    return sock


def sending(dscp: int, to: tuple[str, int] | None = None) -> socket.socket:
    """A socket that never waits, in a class of service, to one peer or any. Raises Failure."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        if to is not None:
            sock.connect(to)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        where = "" if to is None else " to {}:{}".format(*to)
        raise Failure(f"cannot send{where}: {error.strerror}") from None
    return sock


def resolved(to: tuple[str, int]) -> tuple[str, int]:
    """The IPv4 address and port of HOST:PORT, looked up now and not for each packet.

    Raises Failure for a name that nobody knows.
    """
    try:
        return socket.gethostbyname(to[0]), to[1]
    except OSError as error:
        raise Failure("cannot send to {}:{}: {}".format(*to, error.strerror)) from None


def take_regularly(
    take: Callable[[], None], every_ns: int, start_ns: int, stop_ns: int | None, stop: Stop
) -> None:
    """Call `take` every so often from the start on, and once more at the end.

    The kernel stamps arrivals, so reading them late costs no exactness.
    """
    wait_until(start_ns, stop)
    sleep, wake_ns = AbsoluteSleep(), max(start_ns, now_ns())
    while not stop.requested and (stop_ns is None or wake_ns < stop_ns):
        wake_ns += every_ns
        sleep(wake_ns if stop_ns is None else min(wake_ns, stop_ns))
        take()
    take()
