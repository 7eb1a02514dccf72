"""Failover time of a probed flow by the three methods of RFC 6414, section 3.6.

An *unimpaired* packet is neither lost, nor reordered, nor duplicated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.phases import Phase
from traffic.clock import NS_PER_MS
from traffic.probe_log import Rows, summarize
from traffic.schedule import Schedule

MS_PER_S = 1000.0
# Longer than the micro-loops of a converging network, shorter than a training step.
QUIET_MS = 20.0
Sequences = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ProbeFlow:
    """A probe's receiver log: what should have come, and what came when.

    rows: shape (n, 3): sequence, transmit time ns, receive time ns, in order of arrival.
    schedule: when each sequence was due; rate_pps: offered load while it works fully.
    count: packets that the schedule holds.
    """

    rows: Rows
    schedule: Schedule
    rate_pps: int
    count: int

    def sequences_due(self, from_ns: int, until_ns: int) -> tuple[int, int]:
        """The first sequence due at from_ns or later, and the first due at until_ns or later."""
        first = self.schedule.packets_before(self.rate_pps, from_ns)
        last = self.schedule.packets_before(self.rate_pps, until_ns)
        return min(first, self.count), min(last, self.count)


@dataclass(frozen=True, slots=True)
class Outage:
    """The packets lost after one event, and the failover time by each method.

    tblm_ms: receiver's clock, last unimpaired packet before to first one after (equation 2).
    plbm_ms: packets lost / offered rate (equation 3).
    tbm_ms: as tblm_ms, from the transmit times in the packets.
    All three are 0 if nothing was lost, and None if the flow did not come back.
    resolution_ms: time between two probe packets. plbm_resolution_ms: by how much PLBM may be too
    long or too short; tbm_resolution_ms, tblm_resolution_ms: by how much these may be too long
    (TBM is never too short, and TBLM is if the delays of its two packets differ).
    resumed_sent_ns: transmit time of the first unimpaired packet after the outage.
    warnings: where the methods disagree by more than that, and why.
    """

    lost: int
    tblm_ms: float | None
    plbm_ms: float | None
    tbm_ms: float | None
    resolution_ms: float
    resumed_sent_ns: int | None
    plbm_resolution_ms: float | None = None
    tblm_resolution_ms: float | None = None
    tbm_resolution_ms: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def recovered(self) -> bool:
        """Whether packets came through again before the window ended."""
        return self.tbm_ms is not None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a flow's packets in a span of time; `ProbeSummary` explains the figures."""

    sent: int
    received: int
    lost: int
    duplicated: int
    reordered: int
    delay_p50_ms: float | None
    delay_p99_ms: float | None
    delay_p999_ms: float | None
    delay_max_ms: float | None
    pdv_p999_ms: float | None
    ipdv_ms: float | None
    jitter_ms: float | None
    gaps: int


def delivery(flow: ProbeFlow, from_ns: int, until_ns: int) -> Delivery:
    """Count and time the packets that were due in [from_ns, until_ns).

    Reordered: a sequence number below one that came before it (RFC 4737, section 3.3).
    """
    first, last = flow.sequences_due(from_ns, until_ns)
    sequence = flow.rows[:, 0]
    rows = flow.rows[(sequence >= first) & (sequence < last)] - np.array([first, 0, 0])
    found = summarize(rows, expected=last - first)
    return Delivery(
        sent=found.expected,
        received=found.received,
        lost=found.lost,
        duplicated=found.duplicates,
        reordered=found.reordered,
        delay_p50_ms=_ms(found.delay_p50_ns),
        delay_p99_ms=_ms(found.delay_p99_ns),
        delay_p999_ms=_ms(found.delay_p999_ns),
        delay_max_ms=_ms(found.delay_max_ns),
        pdv_p999_ms=_ms(found.pdv_p999_ns),
        ipdv_ms=_ms(found.ipdv_ns),
        jitter_ms=_ms(found.jitter_ns),
        gaps=len(found.gaps),
    )


def check_carried(flow: ProbeFlow, phases: Sequence[Phase], name: str) -> None:
    """Raises ValueError if nothing of a flow arrived before any fault."""
    healthy = phases[0]
    if healthy.name != "before":
        return
    found = delivery(flow, healthy.from_ns, healthy.until_ns)
    if found.sent and not found.received:
        raise ValueError(
            f"{name}: no packet arrived before any fault; the network did not carry it"
        )


def _ms(time_ns: float | None) -> float | None:
    return None if time_ns is None else time_ns / NS_PER_MS


def outage(flow: ProbeFlow, from_ns: int, until_ns: int) -> Outage:
    """The first outage among the packets due in [from_ns, until_ns).

    It begins with the first loss. Losses that follow one another within QUIET_MS
    belong to it (a path that comes back for a moment has not come back); later ones
    have another cause, such as a full queue, and count in `delivery` only. It reaches
    from the last unimpaired packet before it to the first unimpaired packet after it.
    """
    resolution_ms = MS_PER_S / flow.rate_pps
    first, last = flow.sequences_due(from_ns, until_ns)
    lost = _first_episode(flow, np.setdiff1d(np.arange(first, last), flow.rows[:, 0]))
    if lost.size == 0:
        # Whatever fell between two packets went unseen.
        return Outage(
            lost=0,
            tblm_ms=0.0,
            plbm_ms=0.0,
            tbm_ms=0.0,
            resolution_ms=resolution_ms,
            resumed_sent_ns=None,
            plbm_resolution_ms=resolution_ms,
            tblm_resolution_ms=resolution_ms,
            tbm_resolution_ms=resolution_ms,
        )
    good = unimpaired(flow.rows)
    before = good[good[:, 0] < lost[0]]
    after = good[(good[:, 0] > lost[-1]) & (good[:, 0] < last)]
    if not len(before) or not len(after):
        return Outage(int(lost.size), None, None, None, resolution_ms, None)
    return _outage(flow, lost, before[-1], after[0])


def _outage(flow: ProbeFlow, lost: Sequences, before: Sequences, after: Sequences) -> Outage:
    """From the packets lost, and the rows of the last good one before and the first one after."""
    interval_ms = MS_PER_S / flow.rate_pps
    tblm_ms = float(after[2] - before[2]) / NS_PER_MS
    plbm_ms = lost.size * interval_ms
    tbm_ms = float(after[1] - before[1]) / NS_PER_MS
    surely_ms = _due_ms(flow, int(lost[-1])) - _due_ms(flow, int(lost[0]))
    too_long_ms = tbm_ms - surely_ms
    through = int(lost[-1] - lost[0]) + 1 - lost.size
    warnings = _disagreements(plbm_ms, tbm_ms, tblm_ms, interval_ms, too_long_ms, through)
    return Outage(
        lost=int(lost.size),
        tblm_ms=tblm_ms,
        plbm_ms=plbm_ms,
        tbm_ms=tbm_ms,
        resolution_ms=interval_ms,
        resumed_sent_ns=int(after[1]),
        plbm_resolution_ms=interval_ms,
        tblm_resolution_ms=too_long_ms,
        tbm_resolution_ms=too_long_ms,
        warnings=tuple(warnings),
    )


def _due_ms(flow: ProbeFlow, sequence: int) -> float:
    return flow.schedule.due_ns(flow.rate_pps, sequence) / NS_PER_MS


def _disagreements(
    plbm_ms: float,
    tbm_ms: float,
    tblm_ms: float,
    interval_ms: float,
    too_long_ms: float,
    through: int,
) -> Iterator[str]:
    """Where no length of the outage is within the resolution of two methods.

    through: packets that arrived between the first and the last one that were lost.
    """
    if plbm_ms + interval_ms < tbm_ms - too_long_ms:
        yield (
            f"PLBM is {tbm_ms - plbm_ms:.3f} ms less than TBM:"
            f" {through} packets came through within the outage"
        )
    if abs(tblm_ms - tbm_ms) > too_long_ms:
        word = "more" if tblm_ms > tbm_ms else "less"
        way = "longer" if tblm_ms > tbm_ms else "shorter"
        off_ms = abs(tblm_ms - tbm_ms)
        yield (
            f"TBLM is {off_ms:.3f} ms {word} than TBM:"
            f" the first packet after the outage was so much {way} on its way"
        )


def _first_episode(flow: ProbeFlow, lost: Sequences) -> Sequences:
    quiet = max(2, int(QUIET_MS * flow.rate_pps / MS_PER_S))
    breaks = np.flatnonzero(np.diff(lost) > quiet)
    return lost[: breaks[0] + 1] if breaks.size else lost


def unimpaired(rows: Rows) -> Rows:
    """The rows of packets that are neither reordered nor duplicated, in order."""
    _, first_index, counts = np.unique(rows[:, 0], return_index=True, return_counts=True)
    single = np.zeros(len(rows), dtype=bool)
    single[first_index[counts == 1]] = True
    return rows[single & ~_is_reordered(rows[:, 0])]


def _is_reordered(sequence: Rows) -> npt.NDArray[np.bool_]:
    if not len(sequence):
        return np.zeros(0, dtype=bool)
    highest_before = np.maximum.accumulate(np.concatenate(([-1], sequence[:-1])))
    return np.asarray(sequence < highest_before, dtype=bool)
