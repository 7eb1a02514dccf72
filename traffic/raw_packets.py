"""Send packets that already have their IP header (Linux: raw(7), IPPROTO_RAW)."""

from __future__ import annotations

import errno
import socket

from traffic.command import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_SEND_BUFFER_BYTES = 4 << 20


class RawSender:
    """A raw socket and the errors that it met, by name."""

    def __init__(self) -> None:
        """Raises Failure without the right to open one."""
        try:
            self._sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError:
            message = "packets with headers of one's own need the right to open raw sockets (root)"
            raise Failure(message) from None
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._sock.setblocking(False)
        self.not_sent: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._sock.close()

    def send(self, packet: bytes, host: str) -> bool:
        """Send one packet; True if the kernel took it."""
        try:
            self._sock.sendto(packet, (host, 0))
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "unknown")
            self.not_sent[name] = self.not_sent.get(name, 0) + 1
            return False
        return True


def unstamped_packets() -> None:
    """Keep Scapy from reading the clock for each layer of each packet that it makes.

    It notes when a packet was made, which nobody asks here. In virtual time a reading moves the
    clock by 24 ns for everybody, and a packet takes some hundred of them: 10 us by which the
    packets of others were late.
    """
    import scapy.packet  # noqa: PLC0415  --help must not wait for Scapy

    scapy.packet.time = _StoppedClock


class _StoppedClock:
    @staticmethod
    def time() -> float:
        return 0.0


def source_of(peer: tuple[str, int]) -> str:
    """The address that the kernel sends from; checksums cover it. Raises Failure."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(peer)
        except OSError as error:
            raise Failure("cannot send to {}:{}: {}".format(*peer, error.strerror)) from None
        return str(sock.getsockname()[0])
