"""Route netlink messages (RFC 3549), written in batches.

One `sendmsg` carries hundreds of requests and only the last asks for an answer,
so that building costs a few system calls and no process at all. The kernel
reports each failure with the request's sequence number, which leads back to
what was being done.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from topologies.builder.errors import BuildError

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_ERROR, _DONE = 2, 3
_CAPPED, _EXTENDED = 0x100, 0x200  # flags of an error: no copy of the request; attributes follow
_REQUEST, _ACK, _DUMP = 0x001, 0x004, 0x300
CREATE, EXCL, REPLACE, ECHO = 0x400, 0x200, 0x100, 0x008
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_NLMSGERR_ATTR_MSG = 1
_BATCH_BYTES = 60_000
_RECEIVE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One change asked of the kernel; `what` names it in an error message.

    tolerated: errno values that are no failure (undoing what is already gone).
    """

    what: str
    kind: int
    body: bytes
    flags: int = CREATE | EXCL
    tolerated: frozenset[int] = frozenset()


def attribute(kind: int, value: bytes) -> bytes:
    """A type-length-value attribute, padded to four bytes."""
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length & 3)


def u32(kind: int, value: int) -> bytes:
    """An attribute that holds a 32-bit number."""
    return attribute(kind, struct.pack("=I", value))


def text(kind: int, value: str) -> bytes:
    """An attribute that holds a zero-terminated text."""
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in `data` by type (the last one of a type)."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


class RouteSocket:
    """A route netlink socket of the network namespace that the calling thread is in."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._sequence = 0
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.bind((0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def run(self, requests: Iterable[Request]) -> None:
        """Do all requests in order. Raises BuildError naming the first that failed."""
        batch: list[Request] = []
        size = 0
        for request in requests:
            if size + len(request.body) > _BATCH_BYTES:
                self._run_batch(batch)
                batch, size = [], 0
            batch.append(request)
            size += _HEADER.size + len(request.body) + 3
        if batch:
            self._run_batch(batch)

    def dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        """The payloads of all objects that a dump request tells."""
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | _DUMP, self._sequence, 0)
        self._send(header + body)
        while True:
            for found, _, _, payload in self._receive():
                if found == _DONE:
                    return
                if found == _ERROR:
                    code = -struct.unpack_from("=i", payload)[0]
                    raise BuildError(f"netlink dump {kind}: {os.strerror(code)}")
                yield payload

    def ask(self, kind: int, body: bytes, flags: int = 0) -> bytes:
        """The payload of the one object that a request asks for."""
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, self._sequence, 0)
        self._send(header + body)
        [(found, _, _, payload)] = self._receive()
        if found == _ERROR:
            code = -struct.unpack_from("=i", payload)[0]
            raise BuildError(f"netlink request {kind}: {os.strerror(code)}")
        return payload

    def _send(self, message: bytes) -> None:
        try:
            self._socket.send(message)
        except OSError as error:
            raise BuildError(f"the kernel takes no request: {error.strerror}") from None

    def _run_batch(self, batch: list[Request]) -> None:
        first = self._sequence + 1
        self._sequence += len(batch)
        parts = []
        for number, request in enumerate(batch, start=first):
            flags = _REQUEST | request.flags | (_ACK if number == self._sequence else 0)
            length = _HEADER.size + len(request.body)
            parts.append(_HEADER.pack(length, request.kind, flags, number, 0))
            parts.append(request.body + bytes(-length & 3))
        self._send(b"".join(parts))
        failures = self._failures(batch, first)
        if failures:
            more = f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""
            raise BuildError(failures[0] + more)

    def _failures(self, batch: list[Request], first: int) -> list[str]:
        failures = []
        while True:
            for kind, flags, sequence, payload in self._receive():
                if kind != _ERROR:
                    continue
                request = batch[sequence - first]
                code = -struct.unpack_from("=i", payload)[0]
                if code and code not in request.tolerated:
                    failures.append(f"{request.what}: {_reason(code, flags, payload)}")
                if sequence == self._sequence:
                    return failures

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        data = self._socket.recv(_RECEIVE_BYTES)
        offset = 0
        while offset < len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
            offset += (length + 3) & ~3


def _reason(code: int, flags: int, payload: bytes) -> str:
    name = f"{os.strerror(code)} ({errno.errorcode.get(code, code)})"
    if not flags & _EXTENDED:
        return name
    copied = _HEADER.size
    if not flags & _CAPPED:
        copied = struct.unpack_from("=I", payload, 4)[0]
    message = attributes(payload[4 + copied :]).get(_NLMSGERR_ATTR_MSG, b"")
    detail = message.rstrip(b"\0").decode(errors="replace")
    return f"{detail}: {name}" if detail else name
