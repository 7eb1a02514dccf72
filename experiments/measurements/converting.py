"""From what the programs wrote during a trial to tables: streamed, and then the logs are gone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.measurements.catalogue import PROBES, WORKLOAD, Log, Table
from experiments.measurements.schema import lists_of, schema_of
from experiments.measurements.storing import ROWS_AT_ONCE, parquet_writer
from traffic.logs import read_records

_PROBE_COLUMNS = 3
_INT64_BYTES = 8
Source = tuple[str, Path, Log]
"""A workload's name, the folder of its samples, and one of its logs."""


def convert(sources: Sequence[Source], folder: Path, start_ns: int) -> None:
    """Write a Parquet file for each table into `folder`, then remove the logs.

    start_ns: when the workloads started, on the logs' clock. Raises OSError if a log is missing
    or the disk takes no more, ValueError if a log is damaged; all logs are still there then.
    """
    by_table: dict[str, list[Source]] = {}
    for source in sources:
        by_table.setdefault(source[2].table.name, []).append(source)
    for name, logs in by_table.items():
        table = logs[0][2].table
        with parquet_writer(folder / f"{name}.parquet", schema_of(table)) as writer:
            for source in logs:
                for batch in _batches(source, start_ns):
                    writer.write_batch(batch)
    for _, place, log in sources:
        (place / log.file).unlink(missing_ok=True)
        with suppress(OSError):  # other files of the workload stay
            place.rmdir()


def _batches(source: Source, start_ns: int) -> Iterator[pa.RecordBatch]:
    workload, place, log = source
    path = place / log.file
    labels = {WORKLOAD: workload, **log.labels}
    made = _probe_batches(path) if log.table is PROBES else _line_batches(path, log.table)
    for columns in made:
        yield _batch(log.table, labels, columns, start_ns)


def _batch(
    table: Table[Any], labels: Mapping[str, str | int], columns: Mapping[str, Any], start_ns: int
) -> pa.RecordBatch:
    schema = schema_of(table)
    rows = len(next(iter(columns.values())))
    arrays = []
    for field in schema:
        if field.name in labels:
            arrays.append(pa.repeat(pa.scalar(labels[field.name], field.type), rows))
            continue
        array = pa.array(columns[field.name], field.type)
        if field.name in table.moments:
            array = pc.subtract(array, pa.scalar(start_ns, pa.int64()))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _probe_batches(path: Path) -> Iterator[Mapping[str, Any]]:
    """A row that is cut short at the end was being written when its program ended."""
    whole = path.stat().st_size // (_PROBE_COLUMNS * _INT64_BYTES)
    for first in range(0, whole, ROWS_AT_ONCE):
        rows = np.fromfile(
            path,
            dtype="<i8",
            count=min(ROWS_AT_ONCE, whole - first) * _PROBE_COLUMNS,
            offset=first * _PROBE_COLUMNS * _INT64_BYTES,
        ).reshape(-1, _PROBE_COLUMNS)
        yield dict(zip(_names(PROBES), np.ascontiguousarray(rows.T), strict=True))


def _line_batches(path: Path, table: Table[Any]) -> Iterator[Mapping[str, Any]]:
    lists = lists_of(table)
    records = read_records(table.record, path)
    while chunk := list(itertools.islice(records, ROWS_AT_ONCE)):
        yield {name: list(_values(chunk, name, name in lists)) for name in _names(table)}


def _names(table: Table[Any]) -> list[str]:
    return [field.name for field in fields(table.record)]


def _values(records: Iterable[Any], name: str, is_list: bool) -> Iterator[Any]:
    for record in records:
        value = getattr(record, name)
        yield json.dumps(value) if is_list else value
