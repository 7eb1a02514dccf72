"""A process that undoes a build when the builder dies without doing so, or fails to.

It waits for the builder's end, however it comes. It is a plain fork of the builder, which has
all code at hand: a fresh interpreter would cost more than building the links.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import NoReturn

from topologies.builder.claim import Claim
from topologies.builder.errors import BuildError
from topologies.builder.remains import remove

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
_DONE, _FAILED = 0, 1


class Guard:
    """The builder's side of it."""

    def __init__(self, claim: Claim) -> None:
        reading, self._writing = os.pipe()
        builder = os.pidfd_open(os.getpid())
        self._pid = os.fork()
        if not self._pid:
            _serve(reading, builder, claim)
        os.close(reading)
        os.close(builder)
        claim.leave_to_builder()

    def dismiss(self) -> None:
        """All is undone: the guard has no duty left."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._wait()
        os.close(self._writing)

    def take_over(self) -> bool:
        """Let the guard undo what is still there; whether all of it is gone now."""
        os.close(self._writing)
        return self._wait() == _DONE

    def _wait(self) -> int:
        try:
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:  # this program does not keep the status of its children
            return _FAILED
        return os.waitstatus_to_exitcode(status)


def _serve(reading: int, builder: int, claim: Claim) -> NoReturn:
    """The guard's own life. Never returns into the builder's code."""
    status = _FAILED
    try:
        os.setsid()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        kept = {reading, builder, claim.leave_to_guard()}
        _close_all_but(kept)
        _wait_for_end(reading, builder)
        with suppress(BuildError):
            remove(claim.owner)
            status = _DONE
    finally:
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    """Nobody may wait for the builder's pipes and sockets because of us."""
    first = 0
    for file in [*sorted(kept), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(first, file)
        first = file + 1
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        if standard not in kept and standard != nowhere:
            os.dup2(nowhere, standard)


def _wait_for_end(reading: int, builder: int) -> None:
    """Until the builder lets go of the pipe, or is gone (what it has forked may have the pipe)."""
    waiting = select.poll()
    for file in (reading, builder):
        waiting.register(file, select.POLLIN)
    waiting.poll()
