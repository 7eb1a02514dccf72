"""Read a trial's tables; times are ns after the start of its workloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import parquet

from experiments.measurements.catalogue import PROBES, WORKLOAD, Table
from experiments.measurements.schema import lists_of
from traffic.probe_log import Rows

R = TypeVar("R")
_ROWS = 1 << 16


def arrivals(folder: Path, workload: str, dscp: int) -> Rows:
    """A probe's packets of one class in the order in which they came: shape (n, 3), int64.

    Columns: sequence, transmit time, receive time. Raises as `records`.
    """
    found = _read(folder, PROBES, workload, ("class", "=", dscp))
    return np.stack([column.to_numpy() for column in found.columns], axis=1)


def arrival_pieces(folder: Path, workload: str, dscp: int) -> Iterator[Rows]:
    """The same as `arrivals`, a piece at a time: memory does not grow with the record."""
    path = folder / f"{PROBES.name}.parquet"
    names = [field.name for field in fields(PROBES.record)]
    try:
        with parquet.ParquetFile(path) as file:
            for group in _groups_with(file, workload):
                columns = [WORKLOAD, "class", *names]
                for batch in file.iter_batches(_ROWS, row_groups=[group], columns=columns):
                    mine = pc.and_(
                        pc.equal(batch[WORKLOAD], workload), pc.equal(batch["class"], dscp)
                    )
                    kept = batch.filter(mine)
                    yield np.stack([kept[name].to_numpy() for name in names], axis=1)
    except (pa.ArrowException, KeyError) as error:
        why = str(error).partition(". ")[0]
        raise ValueError(f"{path} is damaged: {why}") from None


def _groups_with(file: parquet.ParquetFile, workload: str) -> Iterator[int]:
    """The row groups that may hold rows of a workload."""
    column = file.schema_arrow.get_field_index(WORKLOAD)
    for group in range(file.num_row_groups):
        known = file.metadata.row_group(group).column(column).statistics
        if known is None or not known.has_min_max or known.min <= workload <= known.max:
            yield group


def records(folder: Path, table: Table[R], workload: str) -> list[R]:
    """A workload's rows, log by log, as what they were made of.

    Raises OSError if there is no such table, ValueError if it is damaged.
    """
    lists = lists_of(table)
    return [
        table.record(**{name: json.loads(v) if name in lists else v for name, v in row.items()})
        for row in _read(folder, table, workload).to_pylist()
    ]


def _read(folder: Path, table: Table[Any], workload: str, *chosen: Any) -> pa.Table:
    """The columns of a table's record."""
    path = folder / f"{table.name}.parquet"
    try:
        whole = parquet.read_table(path, filters=[(WORKLOAD, "=", workload), *chosen])
        return whole.drop_columns([WORKLOAD, *table.labels])
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
