"""`span-corruption`: one bit of some packets is wrong when they arrive."""

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


class SpanCorruption(FaultFields):
    """In a share of the packets a single bit is flipped, anywhere in the frame.

    There is no frame check sequence on the virtual line: what a real interface would drop is
    carried on, to a host that finds a wrong checksum, or to wherever the wrong address leads.
    """

    kind: Literal["span-corruption"]
    span: str
    share: float = Field(gt=0, le=1)
    towards: str | None = None
    """Only packets towards this site are corrupted."""


def _effects(fault: SpanCorruption, occasion: Occasion) -> Iterator[Effect]:
    yield impaired(
        planned(occasion.plan, fault.span),
        ("corruption-on", "corruption-off"),
        (fault.at_s, fault.repair_at_s),
        ("corrupt", f"{fault.share * 100:.9f}%"),
        towards=fault.towards,
    )


def _problems(record: FaultRecord) -> Iterator[Problem]:
    yield from one_of_the_ends(record)


KIND = FaultKind(SpanCorruption, _effects, own_span, span_names, _problems)
