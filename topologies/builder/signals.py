"""Signals that would end the program are held back where they would leave things half done.

An exception out of a signal's handler may come between any two steps of Python. While a
network is built it is let through where all that exists is registered to be undone, and while
it is taken down only after the last step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers


class HeldSignals:
    """The signals that came meanwhile; in a thread that gets none, nothing is held."""

    def __init__(self) -> None:
        self._before: dict[int, _Handler] = {}
        self._came: list[int] = []

    def hold(self) -> None:
        """From now on, signals only are noted."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _HELD:
            before = signal.getsignal(number)
            # One that is ignored stays so; None is a handler that C code has set.
            if before not in (signal.SIG_IGN, None, self._note):
                self._before[number] = before
                signal.signal(number, self._note)

    def release(self) -> None:
        """Signals act again as before; those that came act now."""
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, self._before.keys())
        try:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._before = {}
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        while self._came:
            signal.raise_signal(self._came.pop(0))

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Within, signals act at once; what they interrupt is undone by others."""
        self.release()
        try:
            yield
        finally:
            self.hold()

    def point(self) -> None:
        """A place where it does no harm: signals that came act now."""
        if self._came:
            with self.let_through():
                pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(number)


@contextmanager
def held_signals() -> Iterator[HeldSignals]:
    """SIGINT, SIGTERM and SIGHUP take effect at the end, or where the caller allows it."""
    held = HeldSignals()
    try:
        held.hold()
        yield held
    finally:
        held.release()
