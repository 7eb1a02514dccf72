"""`span-loss`: a span that drops packets at random, and nobody is told (a gray failure)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from experiments.faults.impairing import impaired, senders
from experiments.faults.kind import (
    Effect,
    FaultError,
    FaultFields,
    FaultKind,
    FaultRecord,
    Occasion,
    Scene,
    one_of_the_ends,
    own_span,
    planned,
    span_names,
)
from experiments.faults.tools import drop_arriving, dropped_packets, pass_again
from topologies.plan import PlannedSpan
from topologies.problems import Problem

_NAMES = ("loss-on", "loss-off")


class SpanLoss(FaultFields):
    """A span drops packets at random, without anyone being told."""

    kind: Literal["span-loss"]
    span: str
    at_s: float = Field(default=0, ge=0)
    one_in: int | None = Field(default=None, ge=2, le=10_000)
    """Each packet is lost with the probability 1/one_in."""
    loss: float | None = Field(default=None, gt=0, lt=1)
    """Instead: the share of packets that are lost."""
    mean_burst_packets: float | None = Field(default=None, ge=1, le=100_000)
    """With `loss`: losses come in bursts of this many packets on average (Gilbert's model)."""
    towards: str | None = None
    """Only packets towards this site are lost."""


def _effects(fault: SpanLoss, occasion: Occasion) -> Iterator[Effect]:
    span = planned(occasion.plan, fault.span)
    times_s = (fault.at_s, fault.repair_at_s)
    if fault.one_in is not None:
        yield _exactly(span, fault.one_in, times_s, fault.towards)
        return
    assert fault.loss is not None  # one of the two is given, see _problems
    options = gilbert(fault.loss, fault.mean_burst_packets)
    yield impaired(span, _NAMES, times_s, options, towards=fault.towards, least_loss=fault.loss / 3)


def gilbert(loss: float, mean_burst_packets: float | None) -> tuple[str, ...]:
    """Netem's options for a share of lost packets, in bursts if their mean length is given.

    Gilbert's model (Bell System Technical Journal 39, 1960): in the bad state every packet
    is lost, in the good one none. The bad state ends with the probability r = 1 ÷ the mean
    burst; it begins with p = r · loss ÷ (1 − loss), so that the share of lost packets is `loss`.
    """
    if mean_burst_packets is None:
        return ("loss", f"{loss * 100:.9f}%")
    ends = 1 / mean_burst_packets
    begins = ends * loss / (1 - loss)
    return ("loss", "gemodel", f"{begins * 100:.9f}%", f"{ends * 100:.9f}%", "100%", "0%")


def _exactly(
    span: PlannedSpan,
    one_in: int,
    times_s: tuple[float, float | None],
    towards: str | None,
) -> Effect:
    devices = [
        (span.a if sender == span.b else span.b).interface for sender in senders(span, towards)
    ]

    def confirm(_scene: Scene) -> None:
        for device in devices:
            if not dropped_packets(device):
                raise FaultError(f"the loss had no effect: no packet came to {device}")

    return Effect(
        _NAMES,
        *times_s,
        spans=(span.id,),
        act=lambda _scene: drop_arriving(devices, f"pass random netrand drop {one_in}"),
        undo=lambda _scene: pass_again(devices),
        confirm=confirm,
    )


def _problems(record: FaultRecord) -> Iterator[Problem]:
    fields = record.fields
    if (fields.get("one_in") is None) == (fields.get("loss") is None):
        yield record.problem("give either one_in (an exact 1/N) or loss (a share)")
    yield from _burst_problems(record, fields.get("mean_burst_packets"), fields.get("loss"))
    yield from one_of_the_ends(record)


def _burst_problems(record: FaultRecord, burst: object, loss: object) -> Iterator[Problem]:
    if burst is None:
        return
    if not isinstance(loss, int | float) or not 0 < loss < 1:
        yield record.problem("bursts need loss, the share of lost packets", "mean_burst_packets")
    elif isinstance(burst, int | float) and burst < (least := loss / (1 - loss)):
        message = f"a share of {loss} needs bursts of at least {least:.3g} packets"
        yield record.problem(message, "mean_burst_packets")


KIND = FaultKind(SpanLoss, _effects, own_span, span_names, _problems)
