"""`random-cuts`: fibre cuts as they happen, a seeded failure process along the routes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from experiments.faults.cutting import Visibility, cut
from experiments.faults.kind import Effect, FaultFields, FaultKind, Occasion
from topologies.plan import NetworkPlan, PlannedSpan
from topologies.spec import Topology

_HOURS_PER_YEAR = 365.25 * 24
_S_PER_HOUR = 3600


class RandomCuts(FaultFields):
    """Each route is cut at random times (a Poisson process along its length), and mended.

    A cut takes all spans that share a conduit with the one that is hit. The times between
    cuts and the times to repair are exponential; what would hit a span that is cut already
    is left out. The trial's seed chooses.
    """

    kind: Literal["random-cuts"]
    at_s: float = Field(default=0, ge=0)
    cuts_per_1000_km_year: float = Field(default=2.7, gt=0, le=1e6)
    """4.39 cuts in a year and 1,000 sheath miles, the FCC's figure as quoted by Grover,
    «Mesh-Based Survivable Networks» (2004), are 2.7 in 1,000 km."""
    mean_repair_h: float = Field(default=12.0, gt=0, le=10_000)
    years: float = Field(default=1.0, gt=0, le=1000)
    """How much time of the network the fault's own time stands for: it is compressed."""
    visibility: Visibility = Visibility.CARRIER


@dataclass(frozen=True, slots=True)
class _Hit:
    at_s: float
    until_s: float
    spans: tuple[PlannedSpan, ...]


def _effects(fault: RandomCuts, occasion: Occasion) -> Iterator[Effect]:
    for hit in _apart(_hits(fault, occasion)):
        until_s = None if hit.until_s >= occasion.duration_s else hit.until_s
        yield cut(hit.spans, fault.visibility, hit.at_s, until_s)


def _hits(fault: RandomCuts, occasion: Occasion) -> Iterator[_Hit]:
    end_s = occasion.end_s(fault)
    hours_per_s = fault.years * _HOURS_PER_YEAR / (end_s - fault.at_s)
    for span in occasion.plan.spans:
        if not span.length_km:
            continue
        # A stream for each span: another span in the network changes no other's fate.
        stream = random.Random(f"{occasion.seed} {span.id}")
        per_hour = fault.cuts_per_1000_km_year * span.length_km / 1000 / _HOURS_PER_YEAR
        at_s = fault.at_s
        while True:
            at_s += stream.expovariate(per_hour) / hours_per_s
            if at_s >= end_s:
                break
            repair_s = stream.expovariate(1 / fault.mean_repair_h) / hours_per_s
            yield _Hit(at_s, min(at_s + repair_s, end_s), _together(span, occasion.plan, stream))


def _together(
    span: PlannedSpan, plan: NetworkPlan, stream: random.Random
) -> tuple[PlannedSpan, ...]:
    """What a digger hits that hits this span: a conduit of it, or the span alone."""
    if not span.conduits:
        return (span,)
    conduit = stream.choice(span.conduits)
    return tuple(other for other in plan.spans if conduit in other.conduits)


def _apart(hits: Iterable[_Hit]) -> Iterator[_Hit]:
    """In order of time, without those that hit what is cut."""
    busy_until_s: dict[str, float] = {}
    for hit in sorted(hits, key=lambda hit: (hit.at_s, hit.spans[0].id)):
        if any(busy_until_s.get(span.id, -1.0) >= hit.at_s for span in hit.spans):
            continue
        busy_until_s.update({span.id: hit.until_s for span in hit.spans})
        yield hit


def _spans(_fields: Mapping[str, Any], topology: Topology) -> Sequence[str]:
    return [span.id for span in topology.spans]


def _names(_topology: Topology) -> Mapping[str, Iterable[str]]:
    return {}


KIND = FaultKind(RandomCuts, _effects, _spans, _names)
