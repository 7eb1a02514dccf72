"""`span-flap`: a span that goes and comes, over and over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from experiments.faults.cutting import Visibility, cut
from experiments.faults.kind import (
    Effect,
    FaultFields,
    FaultKind,
    Occasion,
    own_span,
    planned,
    span_names,
)


class SpanFlap(FaultFields):
    """A span is cut at the beginning of each period, and carries again for the rest of it."""

    kind: Literal["span-flap"]
    span: str
    period_s: float = Field(gt=0)
    down_share: float = Field(default=0.5, gt=0, lt=1)
    """The part of each period in which it is cut."""
    visibility: Visibility = Visibility.CARRIER


def _effects(fault: SpanFlap, occasion: Occasion) -> Iterator[Effect]:
    span, end_s = planned(occasion.plan, fault.span), occasion.end_s(fault)
    number = 0
    # From the number, not by adding up: every cut is as exact as the first.
    while (at_s := fault.at_s + number * fault.period_s) < end_s:
        until_s = min(at_s + fault.period_s * fault.down_share, end_s)
        yield cut([span], fault.visibility, at_s, until_s)
        number += 1


KIND = FaultKind(SpanFlap, _effects, own_span, span_names)
