"""How full the spans were, phase by phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from experiments.phases import Phase
from experiments.spans.table import TABLE
from traffic.clock import NS_PER_MS


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a span in a phase; utilisation: of its line rate after scaling."""

    span: str
    from_site: str
    to_site: str
    utilisation_mean: float
    utilisation_max: float
    queue_packets_max: int
    queue_bytes_max: int
    dropped_packets: int


def span_figures(samples: Path, phases: Sequence[Phase]) -> dict[str, Any]:
    """Each phase's figures, from the samples that lie wholly in it; docs/reference/metrics.md.

    Raises OSError or ValueError if the table is missing or damaged.
    """
    path = samples / f"{TABLE}.parquet"
    try:
        table = parquet.read_table(path)
    except pa.ArrowException as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return {phase.name: _phase(table, phase) for phase in phases}


def _phase(table: pa.Table, phase: Phase) -> dict[str, Any] | None:
    ends_ms = table["t_ms"].to_numpy()
    steps_ms = np.diff(np.unique(ends_ms))
    every_ms = float(steps_ms.min()) if steps_ms.size else 0.0
    from_ms, until_ms = phase.from_ns / NS_PER_MS, phase.until_ns / NS_PER_MS
    inside = (ends_ms - every_ms >= from_ms) & (ends_ms <= until_ms)
    directions = _directions(table.filter(pa.array(inside)))
    if not directions:
        return None
    busiest = max(directions, key=lambda one: one.utilisation_max)
    return {
        "utilisation_max": busiest.utilisation_max,
        "utilisation_max_span": busiest.span,
        "utilisation_max_towards": busiest.to_site,
        "utilisation_mean": float(np.mean([one.utilisation_mean for one in directions])),
        "queue_packets_max": max(one.queue_packets_max for one in directions),
        "queue_bytes_max": max(one.queue_bytes_max for one in directions),
        "dropped_packets": sum(one.dropped_packets for one in directions),
        "directions": [asdict(one) for one in directions],
    }


def _directions(table: pa.Table) -> list[Direction]:
    keys = ["span", "from_site", "to_site"]
    found = table.group_by(keys, use_threads=False).aggregate(
        [
            ("utilisation", "mean"),
            ("utilisation", "max"),
            ("queue_packets", "max"),
            ("queue_bytes", "max"),
            ("dropped_packets", "sum"),
        ]
    )
    rows: list[Mapping[str, Any]] = found.to_pylist()
    return [
        Direction(**{name.removesuffix("_sum"): value for name, value in row.items()})
        for row in rows
    ]
