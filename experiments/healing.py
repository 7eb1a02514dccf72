"""What each stage of healing cost a probed flow: detection, local repair, and the moves after it.

The stages' borders are the controller's events (docs/reference/events.md); a packet
belongs to the stage in which it passed the point of local repair.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.failover import Outage, ProbeFlow, delivery
from traffic.clock import NS_PER_MS, NS_PER_S

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


@dataclass(frozen=True, slots=True)
class Stage:
    """A time of healing and what it cost; from_s, until_s: on the scenario's clock.

    sent: packets due in it; the others: of these.
    """

    from_s: float
    until_s: float
    sent: int
    lost: int
    duplicated: int
    reordered: int


def stage(flow: ProbeFlow, from_ns: int, until_ns: int, later_ns: int = 0) -> Stage:
    """What became of the packets due in a time. later_ns: their way to where the stage happens."""
    found = delivery(flow, from_ns, until_ns)
    return Stage(
        (from_ns + later_ns) / NS_PER_S,
        (until_ns + later_ns) / NS_PER_S,
        found.sent,
        found.lost,
        found.duplicated,
        found.reordered,
    )


def repair_stages(flow: ProbeFlow, seen: CutSeen, found: Outage) -> dict[str, Stage]:
    """`in_flight` on the span, `detection`, and `local_repair` at the point of local repair.

    Empty if the flow did not come back or the failure was not seen.
    """
    if found.resumed_sent_ns is None or seen.detected_ns is None:
        return {}
    at_site = seen.cut_ns - seen.to_site_ns
    borders = (
        at_site - seen.span_delay_ns,
        at_site,
        max(at_site, seen.detected_ns - seen.to_site_ns),
        found.resumed_sent_ns,
    )
    names = ("in_flight", "detection", "local_repair")
    pairs = itertools.pairwise(borders)
    return {
        name: stage(flow, from_ns, until_ns, seen.to_site_ns)
        for name, (from_ns, until_ns) in zip(names, pairs, strict=True)
    }


def reversion_ns(
    events: Sequence[Event], spans: Collection[str], since_ns: int, end_ns: int
) -> tuple[int, int] | None:
    """From the mend to the moment at which flows are back on their paths, as far as it is known.

    That is the end of the update that leads them back; where a policy has none, the moment at
    which the mended spans are live at both ends.
    """
    update = last_update_ns(events, "reversion", since_ns, end_ns)
    if update is not None:
        return since_ns, update[-1]
    up_ns = [
        event["t_ns"]
        for event in events
        if event["event"] == "span-up"
        and event.get("span") in spans
        and since_ns <= event["t_ns"] < end_ns
    ]
    return (since_ns, max(up_ns)) if up_ns else None


def move(
    flow: ProbeFlow, events: Iterable[Event], reason: str, since_ns: int, end_ns: int
) -> Move | None:
    """The last finished move for a reason (`failure`, `reversion`) since a moment, if any."""
    found = last_update_ns(events, reason, since_ns, end_ns)
    if found is None:
        return None
    begun, switched, until_ns = found
    packets = delivery(flow, begun, until_ns)
    return Move(
        (begun - since_ns) / NS_PER_MS,
        (switched - begun) / NS_PER_MS,
        packets.lost,
        packets.reordered,
    )


def last_update_ns(
    events: Iterable[Event], reason: str, since_ns: int, end_ns: int
) -> tuple[int, int, int] | None:
    """When the last finished update for a reason began, had switched and was done."""
    found = list(_updates(list(events), reason, since_ns, end_ns))
    return found[-1] if found else None


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
