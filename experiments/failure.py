"""The one exception for what was asked rightly and failed all the same."""

from __future__ import annotations

from pathlib import Path


class FailedRunError(Exception):
    """A run, a build or a boot failed. The command line says so and exits with 1.

    message: one line: what failed and what the user can do.
    log: the file that tells more, where there is one.
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message if log is None else f"{message} (log: {log})")
        self.log = log
