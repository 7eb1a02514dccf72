"""`span-delay`: packets take longer, as on a protection path that nobody told about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from experiments.faults.impairing import impaired
from experiments.faults.kind import (
    Effect,
    FaultFields,
    FaultKind,
    FaultRecord,
    Occasion,
    one_of_the_ends,
    own_span,
    planned,
    span_names,
)
from topologies.problems import Problem


class SpanDelay(FaultFields):
    """Every packet on a span arrives later than its fibre says."""

    kind: Literal["span-delay"]
    span: str
    extra_ms: float = Field(gt=0, le=10_000)
    towards: str | None = None
    """Only packets towards this site are late."""


def _effects(fault: SpanDelay, occasion: Occasion) -> Iterator[Effect]:
    yield impaired(
        planned(occasion.plan, fault.span),
        ("delay-on", "delay-off"),
        (fault.at_s, fault.repair_at_s),
        ("delay", f"{fault.extra_ms:.6f}ms"),
        towards=fault.towards,
    )


def _problems(record: FaultRecord) -> Iterator[Problem]:
    yield from one_of_the_ends(record)


KIND = FaultKind(SpanDelay, _effects, own_span, span_names, _problems)
