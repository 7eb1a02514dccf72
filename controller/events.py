"""The controller's log: one JSON object per line, flushed at once.

`t_ns` is CLOCK_MONOTONIC, the time base of all programs of a run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class EventLog:
    """Appends events to a file. Two logs may share one: each event is a single write."""

    def __init__(self, path: Path, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._clock_ns = clock_ns

    def write(self, event: str, fields: Mapping[str, Any]) -> None:
        """One line, with the time of now."""
        record = {"t_ns": self._clock_ns(), "event": event, **fields}
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Every event is in the file already; this only gives the file back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
