"""Results appear whole: a reader never finds half a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from traffic.command import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would cost each program 5 ms
    from typing import Self

Record = Mapping[str, object]


def write_json(path: str, record: Record) -> None:
    """Write one JSON object atomically (a temporary file beside it, then a rename).

    Raises Failure when the file cannot be written.
    """
    temporary = f"{path}.{os.getpid()}.part"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
        os.replace(temporary, path)  # noqa: PTH105  pathlib is slow to import
    except OSError as error:
        raise cannot_write(path, error) from None


class JsonLines:
    """A file of one JSON object per line, each line written whole as it comes."""

    __slots__ = ("_file", "path")

    def __init__(self, path: str) -> None:
        """Raises Failure when the file cannot be opened."""
        self.path = path
        try:
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise cannot_write(path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, record: Record) -> None:
        """Add one line. Raises Failure when the disk is full or gone."""
        try:
            self._file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise cannot_write(self.path, error) from None


def cannot_write(path: str, error: OSError) -> Failure:
    """The failure for an output file that cannot be written."""
    return Failure(f"cannot write {path}: {error.strerror}")
