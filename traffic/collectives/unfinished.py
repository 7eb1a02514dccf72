"""Why an exchange between ranks ended early."""

from __future__ import annotations


class Unfinished(Exception):
    """The exchange cannot be finished. `failed` is False if the run was simply over."""

    def __init__(self, reason: str, failed: bool = True) -> None:
        super().__init__(reason)
        self.failed = failed
