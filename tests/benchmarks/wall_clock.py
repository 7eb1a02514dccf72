"""Wall time inside a guest whose own clock stands still while programs compute.

The folder of results is the host's: the host stamps each write there with its own time.
"""

from __future__ import annotations

import os
from pathlib import Path


class WallClock:
    """Reads the host's clock through a file in a folder that the host keeps (hostfs)."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f".wall-clock-{os.getpid()}"

    def now_s(self) -> float:
        """Seconds since the epoch by the host's clock; good to some ms."""
        with self._file.open("wb") as file:
            file.write(b"0")
        return self._file.stat().st_mtime_ns / 1e9

    def close(self) -> None:
        self._file.unlink(missing_ok=True)
