"""A probe's record, read a piece at a time: what was lost when, and each packet around the cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.measurements.reading import arrival_pieces
from experiments.workloads.kind import Measured, Point
from experiments.workloads.probe import ProbeWorkload
from traffic.clock import NS_PER_MS
from traffic.probe_log import Rows

_MOST_BINS = 2_000


@dataclass(frozen=True, slots=True)
class Window:
    """A time around a cut; `most` packets of it are told, evenly spread."""

    cut_ns: int
    before_ms: float
    after_ms: float
    most: int


@dataclass(frozen=True, slots=True)
class Zoom:
    """Packets by when they were due, in ms after the cut; a lost one's delay is not a number."""

    t_ms: NDArray[np.float64]
    delay_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ProbePoints:
    """due, lost: packets of the probe's first class in bins of equal length, by when due."""

    bin_ms: float
    due: NDArray[np.int64]
    lost: NDArray[np.int64]
    zoom: Zoom | None


def read_probe(
    trial: Measured, workload: ProbeWorkload, bins: int, window: Window | None = None
) -> ProbePoints:
    """Read a probe's record once. Memory: a byte for each packet that was due, and one piece.

    Raises OSError or ValueError if it is missing or damaged.
    """
    schedule = workload.schedule(trial.start_ns)
    stop_ns = workload.ends_ns(trial.start_ns, trial.stop_ns)
    count = schedule.packets_before(workload.rate_pps, stop_ns)
    edges_ns = np.linspace(trial.start_ns, trial.stop_ns, bins + 1)
    borders = [schedule.packets_before(workload.rate_pps, int(edge)) for edge in edges_ns]
    first = np.minimum(np.array(borders, dtype=np.int64), count)
    sequences, delays = _chosen(trial, workload, count, window)
    arrived = np.zeros(count + 1, dtype=np.uint8)
    for rows in arrival_pieces(trial.samples, workload.name, workload.dscp[0]):
        number = rows[:, 0]
        kept = (number >= 0) & (number < count)
        arrived[number[kept]] = 1
        if sequences.size:
            _take(rows[kept], sequences, delays)
    totals = np.append(0, np.cumsum(arrived[:count], dtype=np.int64))
    due = np.diff(first)
    zoom = None
    if window is not None:
        times_ns = [schedule.due_ns(workload.rate_pps, int(n)) for n in sequences]
        zoom = Zoom((np.array(times_ns, dtype=float) - window.cut_ns) / NS_PER_MS, delays)
    bin_ms = (trial.stop_ns - trial.start_ns) / bins / NS_PER_MS
    return ProbePoints(bin_ms, due, due - np.diff(totals[first]), zoom)


def loss_over_time(trial: Measured, workload: ProbeWorkload, bin_ms: int) -> Iterator[Point]:
    """Share of a probe's packets lost, by when they were due, in bins of bin_ms or longer.

    Bins without a packet that was due are left out.
    """
    wanted = round((trial.stop_ns - trial.start_ns) / NS_PER_MS / bin_ms)
    found = read_probe(trial, workload, min(_MOST_BINS, max(1, wanted)))
    for index in np.flatnonzero(found.due):
        yield {
            "t_s": round(int(index) * found.bin_ms / 1000, 6),
            "lost_percent": round(100 * int(found.lost[index]) / int(found.due[index]), 3),
        }


def _chosen(
    trial: Measured, workload: ProbeWorkload, count: int, window: Window | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The packets of the window that are told, and room for their delays."""
    if window is None:
        return np.empty(0, np.int64), np.empty(0)
    schedule = workload.schedule(trial.start_ns)
    borders = (
        window.cut_ns - round(window.before_ms * NS_PER_MS),
        window.cut_ns + round(window.after_ms * NS_PER_MS),
    )
    first, last = (min(count, schedule.packets_before(workload.rate_pps, at)) for at in borders)
    step = max(1, -(-(last - first) // window.most))
    sequences = np.arange(first, last, step, dtype=np.int64)
    return sequences, np.full(sequences.size, np.nan)


def _take(rows: Rows, sequences: NDArray[np.int64], delays: NDArray[np.float64]) -> None:
    """Note the delays of the chosen packets among some rows; the first arrival counts."""
    inside = (rows[:, 0] >= sequences[0]) & (rows[:, 0] <= sequences[-1])
    for number, sent_ns, received_ns in rows[inside]:
        place = int(np.searchsorted(sequences, number))
        if sequences[place] == number and np.isnan(delays[place]):
            delays[place] = (received_ns - sent_ns) / NS_PER_MS
