"""A probe's arrivals while it runs: how many of each time's packets came, and how late."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.workloads.probe import ProbeWorkload
from traffic.clock import NS_PER_MS, NS_PER_S

BIN_MS = 100
_BIN_NS = BIN_MS * NS_PER_MS
_ROW_BYTES = 24
_MOST_BYTES = 1 << 22
# A packet that has not come after so long counts as lost, for the eye.
_PATIENCE_NS = NS_PER_S // 2


@dataclass(slots=True)
class Bin:
    """The packets that were due within 100 ms. delay in ms: mean and highest."""

    expected: int
    arrived: int = 0
    delay_sum_ms: float = 0.0
    delay_max_ms: float = 0.0

    def row(self) -> list[float | int | None]:
        """For the page: expected, arrived, mean delay, highest delay."""
        if not self.arrived:
            return [self.expected, 0, None, None]
        mean_ms = round(self.delay_sum_ms / self.arrived, 3)
        return [self.expected, self.arrived, mean_ms, round(self.delay_max_ms, 3)]


@dataclass(slots=True)
class Arrivals:
    """One probe of a running trial, read from where its receiver writes."""

    workload: ProbeWorkload
    path: Path
    start_ns: int
    """Second 0 of the scenario."""
    stop_ns: int
    bins: list[Bin] = field(default_factory=list)
    _read_bytes: int = 0

    def read(self, now_ns: int) -> None:
        """Take what has arrived, and make room for what is due by now."""
        self._add_bins(now_ns)
        try:
            with self.path.open("rb") as file:
                file.seek(self._read_bytes)
                while data := file.read(_MOST_BYTES):
                    whole = len(data) // _ROW_BYTES * _ROW_BYTES
                    if not whole:
                        return
                    self._take(np.frombuffer(data[:whole], dtype="<i8").reshape(-1, 3))
                    self._read_bytes += whole
                    file.seek(self._read_bytes)
        except FileNotFoundError:
            return  # not started yet, or the trial is over

    def lost(self, now_ns: int) -> int:
        """How many packets are missing that should have arrived long ago."""
        settled = max(0, (now_ns - _PATIENCE_NS - self.start_ns) // _BIN_NS)
        return sum(max(0, one.expected - one.arrived) for one in self.bins[:settled])

    def _add_bins(self, now_ns: int) -> None:
        schedule = self.workload.schedule(self.start_ns)
        last_ns = self.workload.ends_ns(self.start_ns, self.stop_ns)

        def due(at_ns: int) -> int:
            return schedule.packets_before(self.workload.rate_pps, min(at_ns, last_ns))

        while (begins_ns := self.start_ns + len(self.bins) * _BIN_NS) < min(now_ns, self.stop_ns):
            self.bins.append(Bin(due(begins_ns + _BIN_NS) - due(begins_ns)))

    def _take(self, rows: NDArray[np.int64]) -> None:
        self._add_bins(int(rows[:, 1].max()) + 1)
        delays_ms = (rows[:, 2] - rows[:, 1]) / NS_PER_MS
        numbers = (rows[:, 1] - self.start_ns) // _BIN_NS
        first = int(numbers.min())
        counts = np.bincount(numbers - first)
        sums = np.bincount(numbers - first, weights=delays_ms)
        for offset in np.flatnonzero(counts):
            number = first + int(offset)
            if not 0 <= number < len(self.bins):
                continue
            one = self.bins[number]
            one.arrived += int(counts[offset])
            one.delay_sum_ms += float(sums[offset])
            highest_ms = float(delays_ms[numbers == number].max())
            one.delay_max_ms = max(one.delay_max_ms, highest_ms)
