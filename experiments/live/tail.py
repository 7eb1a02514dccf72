"""The lines that a program adds to a file, as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Tail:
    """Follows one file of JSON lines, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def new(self) -> list[dict[str, Any]]:
        """The whole lines since the last call; a line that is being written comes later."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return [json.loads(line) for line in whole.splitlines() if line.strip()]
