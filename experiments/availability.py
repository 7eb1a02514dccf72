"""How much of the time each pair of sites was served, seen by its probes.

After ITU-T Y.1540 (availability of an IP service: whether the loss ratio of an interval is below
a threshold), with shorter intervals: docs/reference/metrics.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.failover import MS_PER_S, ProbeFlow
from experiments.rows import MISSING, Figures, Row, number, row
from traffic.clock import NS_PER_MS

SLOT_MS = 100.0
FEWEST_PACKETS = 10
MOST_LOSS = 0.2
MOST_ROWS = 8
Served = npt.NDArray[np.bool_]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Availability:
    """Of a pair of sites, both directions as far as they are probed.

    time_share: of the slots, those in which every probe lost at most MOST_LOSS of its packets.
    packet_share: of all packets of its probes, those that arrived. outages: times without
    service, slots in a row counting as one; longest_outage_ms: the longest of them.
    """

    time_share: float
    packet_share: float
    outages: int
    longest_outage_ms: float
    unserved_ms: float
    slot_ms: float
    probes: int


def availability(
    flows: Iterable[tuple[Pair, ProbeFlow]], from_ns: int, until_ns: int
) -> dict[str, Availability]:
    """Each pair's availability in [from_ns, until_ns), by `a/b` in alphabetical order.

    A slot counts where all probes of the pair had packets to send in all of it.
    """
    by_pair: dict[str, list[ProbeFlow]] = {}
    for pair, flow in flows:
        by_pair.setdefault("/".join(sorted(pair)), []).append(flow)
    found = {pair: _of_pair(by_pair[pair], from_ns, until_ns) for pair in sorted(by_pair)}
    return {pair: one for pair, one in found.items() if one is not None}


def _of_pair(flows: Sequence[ProbeFlow], from_ns: int, until_ns: int) -> Availability | None:
    slot_ms = max(SLOT_MS, *(FEWEST_PACKETS * MS_PER_S / flow.rate_pps for flow in flows))
    slot_ns = round(slot_ms * NS_PER_MS)
    borders = range(from_ns, until_ns + 1, slot_ns)
    losses = [_loss_ratios(flow, borders) for flow in flows]
    worst = np.max(losses, axis=0) if len(borders) > 1 else np.empty(0)
    worst = worst[~np.isnan(worst)]
    if not worst.size:
        return None
    served = worst <= MOST_LOSS
    longest = max(_runs_without(served), default=0)
    due, came = np.sum([_packets(flow, from_ns, until_ns) for flow in flows], axis=0)
    return Availability(
        time_share=float(served.mean()),
        packet_share=float(came / due),
        outages=len(_runs_without(served)),
        longest_outage_ms=longest * slot_ms,
        unserved_ms=float((~served).sum()) * slot_ms,
        slot_ms=slot_ms,
        probes=len(flows),
    )


def _loss_ratios(flow: ProbeFlow, borders: Sequence[int]) -> npt.NDArray[np.float64]:
    """Of each slot; NaN of one in which the flow rested for some of it."""
    due = np.array([flow.sequences_due(border, border)[0] for border in borders])
    got = np.unique(flow.rows[:, 0])
    came = np.diff(np.searchsorted(got, due))
    sent = np.diff(due)
    slot_ms = (borders[1] - borders[0]) / NS_PER_MS if len(borders) > 1 else 0.0
    full = sent >= np.floor(slot_ms * flow.rate_pps / MS_PER_S)
    ratios = np.full(len(sent), np.nan)
    ratios[full] = 1 - came[full] / sent[full]
    return ratios


def _packets(flow: ProbeFlow, from_ns: int, until_ns: int) -> tuple[int, int]:
    first, last = flow.sequences_due(from_ns, until_ns)
    got = np.unique(flow.rows[:, 0])
    return last - first, int(np.searchsorted(got, last) - np.searchsorted(got, first))


def _runs_without(served: Served) -> list[int]:
    """The length of each row of slots without service."""
    return [len(list(run)) for is_served, run in itertools.groupby(served) if not is_served]


def rows(pairs: Sequence[Figures | None]) -> Iterator[Row]:
    """Each pair's share of time; of many pairs the one that was served least."""
    names = dict.fromkeys(name for one in pairs if one is not None for name in one)
    if len(names) > MOST_ROWS:
        yield row("served least, % of time", pairs, _least, emphasis=True)
        return
    for name in names:
        yield row(f"{name}, % of time", pairs, _of(name, "time_share"), emphasis=True)
        yield row(f"{name}, % of packets", pairs, _of(name, "packet_share"))


def _of(pair: str, share: str) -> Callable[[Figures], str]:
    return lambda figures: number(100 * figures[pair][share], 3) if pair in figures else MISSING


def _least(figures: Figures) -> str:
    pair = min(figures, key=lambda one: float(figures[one]["time_share"]))
    return f"{100 * figures[pair]['time_share']:.3f} ({pair})"
