"""Anonymous network namespaces: held open by this process, gone with it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from topologies.builder.errors import BuildError

_CLONE_NEWNET = 0x40000000
_THIS_THREAD = "/proc/thread-self/ns/net"


class Namespace:
    """A network namespace, kept alive by an open file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.inode = os.fstat(descriptor).st_ino

    @classmethod
    def current(cls) -> Namespace:
        """The namespace that the calling thread is in."""
        return cls(os.open(_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is in this namespace; processes it starts stay there."""
        before = os.open(_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.enter()
            yield
        finally:
            _setns(before)
            os.close(before)

    def enter(self) -> None:
        """Move the calling thread into this namespace, for good."""
        _setns(self.descriptor)

    def close(self) -> None:
        """Let go; without processes and other holders, the namespace ends."""
        os.close(self.descriptor)


@contextmanager
def fresh_namespace() -> Iterator[Namespace]:
    """Make a namespace; inside the `with` the calling thread is in it."""
    before = os.open(_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked("unshare", _libc().unshare(_CLONE_NEWNET))
        yield Namespace.current()
    finally:
        _setns(before)
        os.close(before)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _setns(descriptor: int) -> None:
    _checked("setns", _libc().setns(descriptor, _CLONE_NEWNET))


def _checked(call: str, result: int) -> None:
    if result:
        raise BuildError(f"{call}: {os.strerror(ctypes.get_errno())}")
