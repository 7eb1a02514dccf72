"""`span-cut`: one span stops carrying packets, those in flight included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from experiments.faults.cutting import Visibility, cut
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


class SpanCut(FaultFields):
    """One span stops carrying packets, those in flight included."""

    kind: Literal["span-cut"]
    span: str
    visibility: Visibility = Visibility.SILENT
    towards: str | None = None
    """Only packets towards this site are lost: one direction fails. Needs `silent`."""


def _effects(fault: SpanCut, occasion: Occasion) -> Iterator[Effect]:
    span = planned(occasion.plan, fault.span)
    yield cut([span], fault.visibility, fault.at_s, fault.repair_at_s, fault.towards)


def _problems(record: FaultRecord) -> Iterator[Problem]:
    towards = record.fields.get("towards")
    if (
        towards is not None
        and record.fields.get("visibility", Visibility.SILENT) != Visibility.SILENT
    ):
        message = "one direction alone fails silently: leave out visibility, or towards"
        yield record.problem(message, "towards")
    yield from one_of_the_ends(record)


KIND = FaultKind(SpanCut, _effects, own_span, span_names, _problems)
