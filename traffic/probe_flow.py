"""One flow's figures while its packets come, in memory that does not grow. Pure, no NumPy.

`probe_log.summarize` computes the same from a whole record; a test holds them together.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable

WINDOW = 1 << 16
"""How many of the latest sequence numbers are told apart: 3 s at 20,000 packets/s."""

# Delays up to 2^10 ns are counted exactly, longer ones within 2^-9 (0.2 %) of themselves.
_EXACT_BITS = 10
_SHARE = 1 << (_EXACT_BITS - 1)

OnGap = Callable[[int, int, "int | None", "int | None"], None]
"""Takes a gap that nothing can fill any more: first missing number, how many, and when the
packets around it came (ns; None: there is none)."""


class Histogram:
    """Counts of times in ns, in buckets that are narrow beside what they hold."""

    __slots__ = ("_counts", "count", "highest", "lowest", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = self.total = 0
        self.lowest: int | None = None
        self.highest: int | None = None

    def add(self, time_ns: int) -> None:
        """Count one time; clocks that are apart may make it negative."""
        bucket = _bucket(time_ns)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total += time_ns
        if self.lowest is None or time_ns < self.lowest:
            self.lowest = time_ns
        if self.highest is None or time_ns > self.highest:
            self.highest = time_ns

    def percentile(self, percent: float) -> int | None:
        """The upper edge of the bucket in which the percentile lies; None of nothing."""
        if self.lowest is None or self.highest is None:
            return None
        rank, seen = percent / 100 * self.count, 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return max(self.lowest, min(self.highest, _upper_edge(bucket)))
        return self.highest


def _bucket(time_ns: int) -> int:
    if time_ns < 0:
        return -1 - _bucket(-time_ns)
    shift = max(0, time_ns.bit_length() - _EXACT_BITS)
    return shift * _SHARE + (time_ns >> shift)


def _upper_edge(bucket: int) -> int:
    if bucket < 0:
        return -_lower_edge(-1 - bucket)
    return _lower_edge(bucket + 1) - 1


def _lower_edge(bucket: int) -> int:
    shift = max(0, bucket // _SHARE - 1)
    return (bucket - shift * _SHARE) << shift


class FlowAccount:
    """What the packets that came tell of a flow; nobody says what was sent.

    lost: numbers below the highest that are missing; what was lost after the last arrival no
    receiver can know. reordered: as RFC 4737 (section 3.3), a number below the next expected
    one, on its first arrival. stale: so late that it cannot be told from a duplicate.
    jitter_ns: RFC 3550 (section 6.4.1). ipdv: mean difference of consecutive delays (RFC 3393).
    """

    __slots__ = (
        "_gaps", "_ipdv_ns", "_last_ns", "_on_gap", "_recent", "_transit_ns", "delays",
        "duplicates", "jitter_ns", "next_expected", "received", "reordered", "stale",
    )  # fmt: skip

    def __init__(self, on_gap: OnGap) -> None:
        self._on_gap = on_gap
        self._recent = array("q", [-1]) * WINDOW
        # Each gap: first missing, how many, arrival before it, arrival after it.
        self._gaps: list[tuple[int, int, int | None, int | None]] = []
        self._last_ns: int | None = None
        self._transit_ns: int | None = None
        self._ipdv_ns = 0
        self.delays = Histogram()
        self.jitter_ns = 0.0
        self.received = self.duplicates = self.reordered = self.stale = self.next_expected = 0

    @property
    def lost(self) -> int:
        """Numbers below the highest that have not come."""
        return self.next_expected - self.received

    @property
    def ipdv_ns(self) -> float | None:
        """The mean difference of consecutive delays; None for fewer than two."""
        pairs = self.delays.count - 1
        return self._ipdv_ns / pairs if pairs > 0 else None

    def add(self, sequence: int, sent_ns: int, received_ns: int) -> None:
        """Take one arrival, in the order of arrival."""
        self._time(received_ns - sent_ns)
        place = sequence % WINDOW
        if sequence >= self.next_expected:
            self._advance(sequence, received_ns)
        elif self._recent[place] == sequence:
            self.duplicates += 1
            return
        elif sequence < self.next_expected - WINDOW:
            self.stale += 1
            return
        else:
            self.reordered += 1
            self._fill(sequence, received_ns)
        self.received += 1
        self._recent[place] = sequence

    def _time(self, delay_ns: int) -> None:
        self.delays.add(delay_ns)
        if self._transit_ns is not None:
            difference_ns = abs(delay_ns - self._transit_ns)
            self.jitter_ns += (difference_ns - self.jitter_ns) / 16
            self._ipdv_ns += difference_ns
        self._transit_ns = delay_ns

    def _advance(self, sequence: int, received_ns: int) -> None:
        missing = sequence - self.next_expected
        if missing:
            self._gaps.append((self.next_expected, missing, self._last_ns, received_ns))
        self.next_expected, self._last_ns = sequence + 1, received_ns
        while self._gaps and sum(self._gaps[0][:2]) <= self.next_expected - WINDOW:
            self._on_gap(*self._gaps.pop(0))

    def _fill(self, sequence: int, received_ns: int) -> None:
        index = bisect_right(self._gaps, sequence, key=lambda gap: gap[0]) - 1
        first, missing, before_ns, after_ns = self._gaps[index]
        parts = (
            (first, sequence - first, before_ns, received_ns),
            (sequence + 1, first + missing - sequence - 1, received_ns, after_ns),
        )
        self._gaps[index : index + 1] = [part for part in parts if part[1]]

    def finish(self) -> None:
        """Tell the gaps that are left; nothing comes any more."""
        for gap in self._gaps:
            self._on_gap(*gap)
        self._gaps = []

    def figures(self) -> dict[str, object]:
        """All figures, as they stand in the receiver's summary."""
        delays = self.delays
        p50, p99, p999 = (delays.percentile(percent) for percent in (50, 99, 99.9))
        floor_ns = delays.lowest
        return {
            "received": self.received,
            "lost": self.lost,
            "duplicates": self.duplicates,
            "reordered": self.reordered,
            "stale": self.stale,
            "delay_min_ns": floor_ns,
            "delay_p50_ns": p50,
            "delay_p99_ns": p99,
            "delay_p999_ns": p999,
            "delay_max_ns": delays.highest,
            "pdv_p999_ns": None if p999 is None or floor_ns is None else p999 - floor_ns,
            "ipdv_ns": self.ipdv_ns,
            "jitter_ns": self.jitter_ns if delays.count > 1 else None,
        }
