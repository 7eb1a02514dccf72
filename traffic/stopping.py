"""SIGTERM and SIGINT end a program in order: what was measured so far is written."""

from __future__ import annotations

import signal


class Stop:
    """Whether the program was asked to end.

    Loops look at `requested` whenever they wake; a signal interrupts their sleep.
    """

    __slots__ = ("requested",)

    def __init__(self) -> None:
        self.requested = False

    def request(self, signum: int = 0, frame: object = None) -> None:
        """Ask for the end; has the form of a signal handler."""
        self.requested = True

    def on_signals(self) -> Stop:
        """Let SIGTERM and SIGINT request the stop (in the main thread only)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.request)
        return self
