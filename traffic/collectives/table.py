"""The table of nccl-tests, as rank 0 prints it (NVIDIA/nccl-tests, src/common.cu)."""

from __future__ import annotations

from collections.abc import Sequence

from traffic.clock import NS_PER_S
from traffic.collectives.control import Report

_HEAD = ("#{:>12} {:>13} {:>8} {:>6} {:>5} {:>13} {:>10} {:>10} {:>7} {:>13} {:>6}\n").format
_UNITS = ("(B)", "(elements)", "", "", "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "")
_NAMES = ("size", "count", "type", "redop", "root", "time", "algbw", "busbw", "#wrong",
          "bound", "ratio")  # fmt: skip


class Result:
    """Rank 0: the measured operations of one size."""

    def __init__(self) -> None:
        self.times_ns: list[int] = []
        self.wrong: list[int | None] = []

    @property
    def total_wrong(self) -> int | None:
        """All wrong numbers; None if they were not checked."""
        return None if None in self.wrong else sum(count or 0 for count in self.wrong)


def heading() -> str:
    """The two lines above the table."""
    return _HEAD(*_NAMES) + _HEAD(*_UNITS)


def joint_ns(reports: Sequence[Report], one_clock: bool) -> int:
    """How long an operation took all ranks together.

    With one clock from the first rank's start to the last rank's end, else the longest time
    of any rank.
    """
    if one_clock:
        return max(r.end_ns for r in reports) - min(r.start_ns for r in reports)
    return max(r.end_ns - r.start_ns for r in reports)


def joint_wrong(reports: Sequence[Report]) -> int | None:
    """All ranks' wrong numbers; None if they were not checked."""
    if any(report.wrong < 0 for report in reports):
        return None
    return sum(report.wrong for report in reports)


def row(
    bytes_: int,
    count: int,
    redop: str,
    root: int,
    times_ns: Sequence[int],
    factor: float,
    wrong: int | None,
    bound_s: float | None,
) -> str:
    """One size: the mean time, what it means in GB/s, and beside it the least time."""
    time_s = sum(times_ns) / len(times_ns) / NS_PER_S
    algbw = bytes_ / time_s / 1e9
    bound, ratio = "", ""
    if bound_s is not None:
        bound, ratio = f"{bound_s * 1e6:.1f}", f"{time_s / bound_s:.3f}"
    return " " + _HEAD(
        bytes_, count, "uint32", redop, root, f"{time_s * 1e6:.1f}", f"{algbw:.4g}",
        f"{algbw * factor:.4g}", "N/A" if wrong is None else wrong, bound, ratio,
    )[1:]  # fmt: skip
