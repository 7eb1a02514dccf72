"""What a measurement is, whatever file format and library version holds it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import csv, parquet

_ROWS = 1 << 16


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes; of a Parquet file that of its CSV (see `write_csv`)."""
    if path.suffix != ".parquet":
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    write_csv(path, _Hashing(total.update))
    return total.hexdigest()


def write_csv(path: Path, sink: IO[bytes] | io.RawIOBase) -> None:
    """A Parquet file as CSV (RFC 4180, with line feeds), a header first; null is empty."""
    with parquet.ParquetFile(path) as file:
        write_csv_batches(file.iter_batches(_ROWS), file.schema_arrow, sink)


def write_csv_batches(batches: Any, schema: pa.Schema, sink: IO[bytes] | io.RawIOBase) -> None:
    """Record batches of a schema as CSV."""
    sink.write((",".join(schema.names) + "\n").encode())
    options = csv.WriteOptions(include_header=False)
    with csv.CSVWriter(pa.PythonFile(sink, mode="w"), schema, write_options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


class _Hashing(io.RawIOBase):
    def __init__(self, update: Callable[[bytes], None]) -> None:
        self._update = update

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._update(data)
        return len(data)
