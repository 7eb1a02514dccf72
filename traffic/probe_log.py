"""Evaluate what a probe's receiver recorded (needs NumPy; the programs do not)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""One row for each arrival, in order: sequence number, sent ns, received ns."""

_COLUMNS = 3
_DELAY_PERCENTILES = (50.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Gap:
    """Packets missing in a row, and the arrivals around them (None: at the flow's edge)."""

    first_missing: int
    missing: int
    last_before_ns: int | None
    first_after_ns: int | None


@dataclass(frozen=True, slots=True)
class ProbeSummary:
    """One flow's figures; delays in ns, None without arrivals.

    reordered counts as RFC 4737 does: packets with a number below one that came before.
    ipdv_ns is the mean difference of consecutive packets' delays (RFC 3393), jitter_ns its
    running estimate at the end (RFC 3550, section 6.4.1), pdv_p999_ns how far the delays
    spread above the least one (RFC 5481, section 4.2).
    """

    expected: int
    received: int
    lost: int
    duplicates: int
    reordered: int
    delay_min_ns: int | None
    delay_p50_ns: float | None
    delay_p99_ns: float | None
    delay_p999_ns: float | None
    delay_max_ns: int | None
    pdv_p999_ns: float | None
    ipdv_ns: float | None
    jitter_ns: float | None
    gaps: tuple[Gap, ...]


def read_rows(path: Path) -> Rows:
    """The recorded rows; a row cut short at the end is left out. Raises OSError."""
    values = np.fromfile(path, dtype="<i8").astype(np.int64)
    return values[: len(values) // _COLUMNS * _COLUMNS].reshape(-1, _COLUMNS)


def summarize(rows: Rows, expected: int | None = None) -> ProbeSummary:
    """Count and time one flow.

    expected: how many packets the schedule holds (numbers 0 to expected − 1). Without it the
    flow ends with the highest number that arrived, since nobody can know of later ones.
    """
    numbers = rows[:, 0]
    total = int(numbers.max(initial=-1)) + 1 if expected is None else expected
    unique, first = np.unique(numbers, return_index=True)
    in_range = (unique >= 0) & (unique < total)
    unique, first = unique[in_range], first[in_range]
    highest_before = np.maximum.accumulate(numbers)
    is_first = np.zeros(len(rows), dtype=bool)
    is_first[first] = True
    delays = rows[:, 2] - rows[:, 1]
    p50, p99, p999 = np.percentile(delays, _DELAY_PERCENTILES) if len(rows) else (None,) * 3
    return ProbeSummary(
        expected=total,
        received=len(unique),
        lost=total - len(unique),
        duplicates=len(rows) - len(first),
        reordered=int(np.count_nonzero(is_first & (numbers < highest_before))),
        delay_min_ns=int(delays.min()) if len(rows) else None,
        delay_p50_ns=_plain(p50),
        delay_p99_ns=_plain(p99),
        delay_p999_ns=_plain(p999),
        delay_max_ns=int(delays.max()) if len(rows) else None,
        pdv_p999_ns=float(p999 - delays.min()) if p999 is not None else None,
        ipdv_ns=float(np.abs(np.diff(delays)).mean()) if len(rows) > 1 else None,
        jitter_ns=_jitter_ns(delays),
        gaps=_gaps(unique, rows[first, 2], total),
    )


def _jitter_ns(delays: NDArray[np.int64]) -> float | None:
    if len(delays) < 2:
        return None
    estimate = 0.0
    for difference_ns in np.abs(np.diff(delays)).tolist():
        estimate += (difference_ns - estimate) / 16
    return estimate


def _plain(value: float | None) -> float | None:
    return None if value is None else float(value)


def gaps_between(rows: Rows, first: int, last: int) -> tuple[Gap, ...]:
    """The gaps among the numbers from first up to, not with, last."""
    numbers, at = np.unique(rows[:, 0], return_index=True)
    inside = (numbers >= first) & (numbers < last)
    return _gaps(numbers[inside], rows[at[inside], 2], last, first)


def _gaps(
    numbers: NDArray[np.int64], received_ns: NDArray[np.int64], total: int, begin: int = 0
) -> tuple[Gap, ...]:
    edges = np.concatenate(([begin - 1], numbers, [total]))
    gaps = []
    for index in np.flatnonzero(np.diff(edges) > 1):
        before, after = int(index) - 1, int(index)
        gaps.append(
            Gap(
                first_missing=int(edges[index]) + 1,
                missing=int(edges[index + 1] - edges[index]) - 1,
                last_before_ns=int(received_ns[before]) if before >= 0 else None,
                first_after_ns=int(received_ns[after]) if after < len(received_ns) else None,
            )
        )
    return tuple(gaps)
