"""What the core asks of the application around it: plain data, carried out in `app`.

One of them, `Send`, carries `changes` of rules to a switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.changes import Barrier, Change


@dataclass(frozen=True, slots=True)
class Log:
    """Write an event. warning: tell it to the person who watches, too."""

    event: str
    fields: Mapping[str, Any]
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Send changes to a switch; its answer to the last barrier is told with the ticket."""

    switch: str
    changes: tuple[Change, ...]
    ticket: int

    @property
    def count(self) -> int:
        """How many flows and groups it changes."""
        return sum(not isinstance(change, Barrier) for change in self.changes)


@dataclass(frozen=True, slots=True)
class TakeStock:
    """Ask a switch for all its flows and groups, and tell them to `stock_taken`."""

    switch: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Call `woken` at this time."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Announce:
    """Let a switch send a link-discovery frame out of some of its ports."""

    switch: str
    ports: tuple[int, ...]


Effect = Log | Send | TakeStock | Wake | Announce
