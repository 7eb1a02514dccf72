"""What each stage of healing cost a probed flow: detection, local repair, and the moves after it.

The stages' borders are the controller's events (docs/reference/events.md); a packet
belongs to the stage in which it passed the point of local repair.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.failover import Outage, ProbeFlow, delivery
from traffic.clock import NS_PER_MS

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CutSeen:
    """A cut, as a flow's point of local repair saw it; times in ns.

    to_site_ns: a packet's way from the source to that switch. span_delay_ns: over the cut span.
    detected_ns: when the switch knew, None if it never said so.
    """

    cut_ns: int
    to_site_ns: int
    span_delay_ns: int
    detected_ns: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """An update of all switches. begun_ms: after the cut, or after the mend.

    switched_ms: from its beginning until the last switch had taken the new paths; lost,
    reordered: packets of the flow that were due from its beginning to its end.
    """

    begun_ms: float
    switched_ms: float
    lost: int
    reordered: int


def lost_by_stage(flow: ProbeFlow, seen: CutSeen, found: Outage) -> dict[str, int] | None:
    """Packets of an outage that were lost in flight, undetected, and until the switch-over.

    None if the flow did not come back or the failure was not seen.
    """
    if found.resumed_sent_ns is None or seen.detected_ns is None:
        return None
    at_site = seen.cut_ns - seen.to_site_ns
    borders = (
        at_site - seen.span_delay_ns,
        at_site,
        max(at_site, seen.detected_ns - seen.to_site_ns),
        found.resumed_sent_ns,
    )
    names = ("in_flight", "detection", "switchover")
    pairs = itertools.pairwise(borders)
    return {
        name: delivery(flow, from_ns, until_ns).lost
        for name, (from_ns, until_ns) in zip(names, pairs, strict=True)
    }


def move(
    flow: ProbeFlow, events: Iterable[Event], reason: str, since_ns: int, end_ns: int
) -> Move | None:
    """The last finished move for a reason (`failure`, `reversion`) since a moment, if any."""
    found = None
    for begun, switched, until_ns in _updates(list(events), reason, since_ns, end_ns):
        packets = delivery(flow, begun, until_ns)
        found = Move(
            (begun - since_ns) / NS_PER_MS,
            (switched - begun) / NS_PER_MS,
            packets.lost,
            packets.reordered,
        )
    return found


def _updates(
    events: Sequence[Event], reason: str, since_ns: int, end_ns: int
) -> Iterator[tuple[int, int, int]]:
    """(begun, switched, done or the end) of each move."""
    times = {
        (event["event"], event["update"]): event["t_ns"]
        for event in events
        if event["event"] in ("update-switched", "update-done")
    }
    for event in events:
        if event["event"] != "update-begun" or event["reason"] != reason:
            continue
        switched_ns = times.get(("update-switched", event["update"]))
        if since_ns <= event["t_ns"] < end_ns and switched_ns is not None:
            done_ns = times.get(("update-done", event["update"]), end_ns)
            yield event["t_ns"], switched_ns, min(done_ns, end_ns)
