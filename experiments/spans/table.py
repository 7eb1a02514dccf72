"""From the sampler's rows to the table `spans`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from experiments.measurements.storing import ROWS_AT_ONCE, parquet_writer
from experiments.spans.lines import ROWS
from experiments.spans.sampler import FIELDS
from topologies.builder.span_lines import SpanLine, span_lines
from topologies.plan import NetworkPlan
from traffic.clock import NS_PER_MS, NS_PER_S
from traffic.probe_log import Rows

TABLE = "spans"
_DIGITS = 6
_ROW_BYTES = 8 * len(FIELDS)
_LINE, _T, _SENT, _PACKETS, _BYTES, _DROPPED = range(len(FIELDS))
SCHEMA = pa.schema(
    [
        ("t_ms", pa.float64()),
        ("span", pa.string()),
        ("from_site", pa.string()),
        ("to_site", pa.string()),
        ("carried_bytes", pa.int64()),
        ("utilisation", pa.float64()),
        ("queue_packets", pa.int64()),
        ("queue_bytes", pa.int64()),
        ("dropped_packets", pa.int64()),
    ]
)


def convert_spans(samples: Path, plan: NetworkPlan, start_ns: int) -> None:
    """Write the table `spans` in place of the sampler's rows. Raises OSError.

    A row tells of the time since the last sample of the same direction, so the first sample of
    all has none.
    """
    path = samples / ROWS
    lines = list(span_lines(plan))
    with parquet_writer(samples / f"{TABLE}.parquet", SCHEMA) as writer:
        before = np.empty((0, len(FIELDS)), dtype=np.int64)
        for rows in _pieces(path):
            known = np.concatenate((before, rows))
            before = _last_of_each(known)
            writer.write_batch(_batch(known, lines, start_ns))
    path.unlink()


def _pieces(path: Path) -> Iterator[Rows]:
    whole = path.stat().st_size // _ROW_BYTES
    for first in range(0, whole, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, whole - first) * len(FIELDS)
        values = np.fromfile(path, dtype="<i8", count=count, offset=first * _ROW_BYTES)
        yield values.astype(np.int64).reshape(-1, len(FIELDS))


def _last_of_each(rows: Rows) -> Rows:
    _, from_the_end = np.unique(rows[::-1, _LINE], return_index=True)
    return rows[len(rows) - 1 - from_the_end]


def _batch(rows: Rows, lines: Sequence[SpanLine], start_ns: int) -> pa.RecordBatch:
    order = np.lexsort((rows[:, _T], rows[:, _LINE]))
    rows = rows[order]
    pairs = rows[1:, _LINE] == rows[:-1, _LINE]
    now, past = rows[1:][pairs], rows[:-1][pairs]
    in_time = np.lexsort((now[:, _LINE], now[:, _T]))
    now, past = now[in_time], past[in_time]
    numbers = now[:, _LINE]
    rates = np.array([line.rate_bytes_s for line in lines], dtype=float)[numbers]
    carried = now[:, _SENT] - past[:, _SENT]
    seconds = (now[:, _T] - past[:, _T]) / NS_PER_S
    return pa.RecordBatch.from_arrays(
        [
            pa.array((now[:, _T] - start_ns) / NS_PER_MS),
            *(_named([getattr(line, name) for line in lines], numbers) for name in _NAMES),
            pa.array(carried),
            pa.array(np.round(carried / seconds / rates, _DIGITS)),
            pa.array(now[:, _PACKETS]),
            pa.array(now[:, _BYTES]),
            pa.array(now[:, _DROPPED] - past[:, _DROPPED]),
        ],
        schema=SCHEMA,
    )


_NAMES = ("span", "from_switch", "to_switch")


def _named(names: Sequence[str], numbers: Rows) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(numbers))
