"""Read a trial's tables; times are ns after the start of its workloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from experiments.measurements.catalogue import PROBES, WORKLOAD, Table
from experiments.measurements.schema import lists_of
from traffic.probe_log import Rows

R = TypeVar("R")


def arrivals(folder: Path, workload: str, dscp: int) -> Rows:
    """A probe's packets of one class in the order in which they came: shape (n, 3), int64.

    Columns: sequence, transmit time, receive time. Raises as `records`.
    """
    found = _read(folder, PROBES, workload, ("class", "=", dscp))
    return np.stack([column.to_numpy() for column in found.columns], axis=1)


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
