"""`span-capacity`: a span carries less, as when wavelengths of a bundle fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from experiments.faults.kind import (
    Effect,
    FaultError,
    FaultFields,
    FaultKind,
    Occasion,
    Scene,
    own_span,
    planned,
    span_names,
)
from experiments.faults.tools import qdiscs
from topologies.builder.errors import BuildError
from topologies.builder.standing import line_ends, set_rate
from topologies.plan import PlannedSpan

_BITS = 8
_TOLERANCE = 1e-3


class SpanCapacity(FaultFields):
    """A span's line rate falls, in both directions; its buffer stays as many ms long."""

    kind: Literal["span-capacity"]
    span: str
    share: float = Field(gt=0, lt=1)
    """What is left of the line rate."""


def _effects(fault: SpanCapacity, occasion: Occasion) -> Iterator[Effect]:
    span = planned(occasion.plan, fault.span)
    rate_mbps = span.rate_mbps * fault.share

    def confirm(_scene: Scene) -> None:
        found = set(_rates_mbps(span))
        if not found or not all(abs(rate / rate_mbps - 1) < _TOLERANCE for rate in found):
            raise FaultError(f"span {span.id} has the rates {sorted(found)} Mbit/s: no effect")

    yield Effect(
        names=("capacity-down", "capacity-up"),
        at_s=fault.at_s,
        until_s=fault.repair_at_s,
        spans=(span.id,),
        act=lambda _scene: _set(span, rate_mbps),
        undo=lambda _scene: _set(span, span.rate_mbps),
        confirm=confirm,
    )


def _set(span: PlannedSpan, rate_mbps: float) -> None:
    try:
        set_rate(span, rate_mbps)
    except (BuildError, OSError) as error:
        raise FaultError(f"span {span.id} keeps its rate: {error}") from None


def _rates_mbps(span: PlannedSpan) -> Iterator[float]:
    """Of both directions' lines, as the kernel has it."""
    places = [place for sender in (span.a, span.b) for place in line_ends(span, sender)]
    for device in dict.fromkeys(device for device, _ in places):
        for qdisc in qdiscs(device):
            rate = qdisc.get("options", {}).get("rate")
            if qdisc["kind"] == "netem" and rate:
                yield rate["rate"] * _BITS / 1e6


KIND = FaultKind(SpanCapacity, _effects, own_span, span_names)
