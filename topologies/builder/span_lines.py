"""Where the kernel counts what a span carries, in each direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from topologies.builder.classes import MIDDLE_LINE
from topologies.builder.devices import middle_name, span_shape
from topologies.builder.shaping import PRIO, SPAN_LINES
from topologies.plan import NetworkPlan, PlannedPort, PlannedSpan


@dataclass(frozen=True, slots=True)
class SpanLine:
    """One direction of a span: where its data wait, and where they are sent.

    entry_*: the root queueing discipline of the sending port, which counts what its buffers
    drop. line_*: the netem that serialises and delays. delay_ns: from the end of a packet's
    serialisation until the line counts it. entry_queues: whether data wait in the entry (a span
    with classes); else they wait in the line, with what is in flight.
    """

    span: str
    from_switch: str
    to_switch: str
    entry_device: str
    entry_handle: int
    line_device: str
    line_handle: int
    delay_ns: int
    rate_bytes_s: int
    entry_queues: bool


def span_lines(plan: NetworkPlan) -> Iterator[SpanLine]:
    """Both directions of every span, `a` to `b` first."""
    for span in plan.spans:
        yield _line(span, span.a, span.b)
        yield _line(span, span.b, span.a)


def _line(span: PlannedSpan, sender: PlannedPort, receiver: PlannedPort) -> SpanLine:
    wanted = span_shape(span, sender)
    own = sender.interface
    entry = MIDDLE_LINE if span.classes else PRIO  # HTB's handle is that of the middle's netem
    device = middle_name(receiver) if span.classes else own
    return SpanLine(
        span=span.id,
        from_switch=sender.switch,
        to_switch=receiver.switch,
        entry_device=own,
        entry_handle=entry,
        line_device=device,
        line_handle=MIDDLE_LINE if span.classes else SPAN_LINES[-1][1],
        delay_ns=wanted.delay_ns,
        rate_bytes_s=wanted.rate_bytes_s,
        entry_queues=span.classes,
    )
