"""What can go wrong with the guest, told so that a person can act on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class GuestError(Exception):
    """The guest failed: it hung, died, or was stopped from outside.

    log: the guest kernel's console, where there is one.
    last_lines: the end of that log.
    """

    def __init__(
        self, message: str, *, log: Path | None = None, last_lines: Sequence[str] = ()
    ) -> None:
        self.log = log
        self.last_lines = tuple(last_lines)
        parts = [message]
        if log is not None:
            parts.append(f"The guest's log is {log}")
        if self.last_lines:
            parts.append("Its last lines:\n" + "\n".join(f"  {line}" for line in self.last_lines))
        super().__init__("\n".join(parts))


class SetupError(GuestError):
    """This machine or an argument is not fit for the guest; the message says how to mend it."""
