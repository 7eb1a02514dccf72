"""Spans of a network that stands: where their lines end, and another rate for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

from topologies.builder.classes import MIDDLE_LINE, whole_line
from topologies.builder.devices import middle_name, span_shape
from topologies.builder.netlink import CREATE, REPLACE, Request, RouteSocket
from topologies.builder.qdiscs import ROOT, no_filter
from topologies.builder.shaping import (
    ANY_PROTOCOL,
    BUFFER_ORDER,
    PRIO,
    SPAN_LINES,
    Shape,
    last_class,
    line,
    span_buffer,
)
from topologies.plan import PlannedPort, PlannedSpan


def line_ends(span: PlannedSpan, sender: PlannedPort) -> tuple[tuple[str, str], ...]:
    """Where packets of one direction come off the line, as (device, class).

    A queueing discipline with that class as its parent meets every packet that the span has
    carried, base loss taken off. Control traffic has a line of its own on spans without classes.
    """
    shape = span_shape(span, sender)
    if span.classes:
        receiver = span.a if sender == span.b else span.b
        return ((middle_name(receiver), last_class(MIDDLE_LINE, shape)),)
    return tuple((sender.interface, last_class(handle, shape)) for _, handle in SPAN_LINES)


def set_rate(span: PlannedSpan, rate_mbps: float) -> None:
    """Give both directions of a standing span another line rate, and a buffer as many ms long.

    rate_mbps: after scaling. What is being sent keeps its time. Raises BuildError.
    """
    slower = span.model_copy(update={"rate_mbps": rate_mbps})
    with RouteSocket() as route:
        for sender, receiver in ((span.a, span.b), (span.b, span.a)):
            route.run(list(_changes(slower, sender, receiver)))


def _changes(span: PlannedSpan, sender: PlannedPort, receiver: PlannedPort) -> Iterator[Request]:
    shape, name = span_shape(span, sender), sender.interface
    index = socket.if_nametoindex(name)
    if span.classes:
        yield _again(whole_line(name, index, shape))
        middle = middle_name(receiver)
        number = socket.if_nametoindex(middle)
        yield from _line_again(middle, number, shape, ROOT, MIDDLE_LINE)
        return
    for parent, handle in SPAN_LINES:
        yield from _line_again(name, index, shape, parent, handle)
    yield no_filter(name, index, parent=PRIO, order=BUFFER_ORDER, protocol=ANY_PROTOCOL)
    yield span_buffer(name, index, shape)


def _line_again(
    device: str, index: int, shape: Shape, parent: int, handle: int
) -> Iterator[Request]:
    for request in line(device, index, shape, parent=parent, handle=handle):
        yield _again(request)


def _again(request: Request) -> Request:
    """Change what is there instead of making it."""
    return replace(request, flags=CREATE | REPLACE)
