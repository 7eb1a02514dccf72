"""Receive many datagrams with one system call, each with the kernel's arrival time."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MSG_DONTWAIT = 0x40
_MSG_TRUNC = 0x20
_SO_TIMESTAMPNS = 35
_SO_MEMINFO = 55
_SO_RCVBUFFORCE = 33
_MEMINFO_DROPS = 8
_MEMINFO_FIELDS = 9
_RECEIVE_BUFFER_BYTES = 32 << 20

# What ICMP says of packets that were sent from the socket. That they are lost, the figures show.
_UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO)

_libc = ctypes.CDLL(None, use_errno=True)


class _Part(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("parts", ctypes.c_void_p),
        ("part_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint),
    )


# One control message: its header (length, level, type), then a struct timespec.
_CONTROL = struct.Struct("@NiiqqN")
_MESSAGE_LENGTH_WORD = _Message.length.offset // 4


class BatchReceiver:
    """Takes what has arrived at a UDP socket, in batches, with kernel timestamps.

    Only the first `header_bytes` of each datagram are kept; its full length is told.
    """

    def __init__(self, sock: socket.socket, header: struct.Struct, slots: int = 512) -> None:
        self._sock = sock
        self._header = header
        self._slots = slots
        _set_up(sock)
        self._headers = ctypes.create_string_buffer(header.size * slots)
        self._controls = ctypes.create_string_buffer(_CONTROL.size * slots)
        self._parts = (_Part * slots)()
        self._messages = (_Message * slots)()
        self._link_buffers()
        self._template = bytes(self._messages)
        self._words = memoryview(self._messages).cast("B").cast("I")

    def _link_buffers(self) -> None:
        for index, (part, message) in enumerate(zip(self._parts, self._messages, strict=True)):
            part.base = ctypes.addressof(self._headers) + index * self._header.size
            part.length = self._header.size
            message.parts = ctypes.addressof(part)
            message.part_count = 1
            message.control = ctypes.addressof(self._controls) + index * _CONTROL.size
            message.control_length = _CONTROL.size

    def take(self) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
        """All datagrams that wait: (length in bytes, CLOCK_REALTIME ns of arrival, header).

        A datagram shorter than the header comes with an undefined header.
        Raises OSError when the socket fails.
        """
        count = self._slots
        while count == self._slots:
            count = self._receive()
            lengths = self._words[_MESSAGE_LENGTH_WORD :: ctypes.sizeof(_Message) // 4]
            stamps = _CONTROL.iter_unpack(self._controls)
            headers = self._header.iter_unpack(self._headers)
            for _, length, stamp, header in zip(
                range(count), lengths, stamps, headers, strict=False
            ):
                yield length, stamp[3] * 1_000_000_000 + stamp[4], header

    def _receive(self) -> int:
        # The kernel overwrites lengths and flags in place.
        ctypes.memmove(self._messages, self._template, len(self._template))
        count: int = _libc.recvmmsg(
            self._sock.fileno(), self._messages, self._slots, _MSG_DONTWAIT | _MSG_TRUNC, None
        )
        if count >= 0:
            return count
        number = ctypes.get_errno()
        if number in (errno.EAGAIN, errno.EINTR):
            return 0
        if number in _UNREACHABLE:
            return self._receive()  # it is told once; what has come waits behind it
        raise OSError(number, os.strerror(number))

    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped because the receive buffer was full."""
        form = f"={_MEMINFO_FIELDS}I"
        raw = self._sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, struct.calcsize(form))
        return int(struct.unpack(form, raw)[_MEMINFO_DROPS])


def _set_up(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
