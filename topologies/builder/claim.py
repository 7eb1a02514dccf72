"""Whose is it? A number that a build has as long as it lives, and its guard after it.

The number is in the group of each of our devices and in the owner of each of our bridges.
It is held by two abstract Unix sockets, the builder's and its guard's: such a socket belongs
to the network namespace that the devices are in, and is gone with the process that holds it,
however that ended. What bears a number that nobody holds has been left behind.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from topologies.builder.errors import BuildError

_GROUPS = 0x40000000  # ours are from here on, and nobody counts so far
_GROUP_MASK = 0xC0000000
_STEP = 1 << 22  # above every process id
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Holder(Enum):
    """Who holds a number."""

    BUILDER = "the builder lives"
    GUARD = "the builder is gone, and its guard is removing the network"
    NOBODY = "all that bears the number has been left behind"


@dataclass(frozen=True, slots=True)
class Owner:
    """What a build writes on its bridges and processes.

    boot and namespace say where the number counts: a database of Open vSwitch survives the
    machine's start, and may be that of several network namespaces.
    """

    number: int
    namespace: int
    boot: str

    @classmethod
    def here(cls, number: int) -> Owner:
        """The owner of this number in the calling thread's network namespace."""
        inode = Path("/proc/thread-self/ns/net").stat().st_ino
        return cls(number, inode, _BOOT.read_text(encoding="ascii").strip())

    @classmethod
    def read(cls, text: str) -> Owner | None:
        """From a text that str() has made; None for any other."""
        number, _, rest = text.partition("@")
        namespace, _, boot = rest.partition("@")
        if not (number.isdecimal() and namespace.isdecimal() and boot):
            return None
        return cls(int(number), int(namespace), boot)

    @property
    def group(self) -> int:
        """The group of its devices."""
        return _GROUPS | self.number

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a build of this network namespace since this start."""
        return self == Owner.here(self.number)

    def __str__(self) -> str:
        return f"{self.number}@{self.namespace}@{self.boot}"

    def holder(self) -> Holder | None:
        """Who holds it; None if that cannot be told in this network namespace."""
        if self.boot != Owner.here(self.number).boot:
            return Holder.NOBODY
        return _holder(self.number) if self.is_here else None


class Claim:
    """A number that nobody else in this network namespace has, and none of `taken`."""

    def __init__(self, taken: Container[int]) -> None:
        number = os.getpid()
        while number in taken or (held := _hold_both(number)) is None:
            number = (number + _STEP) & ~_GROUP_MASK
        self._builders, self._guards = held
        self.owner = Owner.here(number)

    def leave_to_guard(self) -> int:
        """In the guard: let go of the builder's part; the file of the guard's."""
        self._builders.close()
        return self._guards.fileno()

    def leave_to_builder(self) -> None:
        """In the builder: let go of the guard's part."""
        self._guards.close()

    def close(self) -> None:
        """Let go of all."""
        self._builders.close()
        self._guards.close()


def number_of(group: int) -> int | None:
    """The number in a device's group, if it is a group of ours."""
    return group & ~_GROUP_MASK if group & _GROUP_MASK == _GROUPS else None


def _holder(number: int) -> Holder:
    if _is_held(_builder_name(number)):
        return Holder.BUILDER
    return Holder.GUARD if _is_held(_guard_name(number)) else Holder.NOBODY


def _builder_name(number: int) -> str:
    return f"\0fibercut-{number}"


def _guard_name(number: int) -> str:
    return f"\0fibercut-{number}-guard"


def _is_held(name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        return asking.connect_ex(name) != errno.ECONNREFUSED


def _hold_both(number: int) -> tuple[socket.socket, socket.socket] | None:
    builders = _hold(_builder_name(number))
    if builders is None:
        return None
    guards = _hold(_guard_name(number))
    if guards is None:
        builders.close()
        return None
    return builders, guards


def _hold(name: str) -> socket.socket | None:
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        held.bind(name)
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise BuildError(f"cannot claim the name {name[1:]}: {error.strerror}") from None
        return None
    return held
