"""Parquet files that are there whole or not at all, made without holding them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from experiments.disk import written_whole

ROWS_AT_ONCE = 1 << 18


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[parquet.ParquetWriter]:
    """A writer of a file that has its name only at the end. Raises OSError."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    # Numbers and times that rise evenly take next to no place as differences.
    rising = {field.name: "DELTA_BINARY_PACKED" for field in schema if field.type == pa.int64()}
    with (
        written_whole(path) as unfinished,
        parquet.ParquetWriter(
            unfinished, schema, compression="zstd", use_dictionary=texts, column_encoding=rising
        ) as writer,
    ):
        yield writer
