"""A span with classes of data that share its line by strict priority.

What goes first is decided at the sending end, when the line becomes free: HTB with hardly
any bucket lets a packet go when the last one has been sent. It lets it go as its sending
begins; a netem of the same rate in the middle of the span adds the sending's own time, and
the propagation. The middle is a second veth pair, whose inner end sends on what the first
one's inner end receives:

    a [HTB] ══ a' → b' [netem] ══ b        and        b [HTB] ══ b' → a' [netem] ══ a
"""

from __future__ import annotations

from collections.abc import Iterator

from topologies.builder.netlink import Request
from topologies.builder.qdiscs import (
    INGRESS,
    ROOT,
    bfifo,
    choose,
    clsact,
    htb,
    htb_class,
    key,
    marking_fifo,
    prio,
    redirect,
    take_all,
)
from topologies.builder.shaping import ANY_PROTOCOL, IPV4, Shape, control_filters, line
from topologies.traffic_classes import BEST_EFFORT, CONTROL_QUEUE, INTERACTIVE

MIDDLE_LINE = _LINE = 2 << 16
_WHOLE_LINE = _LINE | 1
# Open vSwitch turns queue q into the priority 1:(q+1), which names a band of this discipline.
_PRIO = 1 << 16
_CONTROL, _INTERACTIVE, _BEST_EFFORT = (
    _PRIO | queue + 1 for queue in (CONTROL_QUEUE, INTERACTIVE.queue, BEST_EFFORT.queue)
)
_BANDS = (_CONTROL, _INTERACTIVE, _BEST_EFFORT)


def sending_end(device: str, index: int, wanted: Shape) -> Iterator[Request]:
    """A switch's port: its classes, each with a buffer of its own, at the line's rate."""
    yield htb(device, index, handle=_LINE, default=_WHOLE_LINE & 0xFFFF)
    yield whole_line(device, index, wanted)
    yield prio(device, index, parent=_WHOLE_LINE, handle=_PRIO, bands=len(_BANDS))
    for number, band in enumerate(_BANDS, start=3):
        yield _queue(device, index, wanted, parent=band, handle=number << 16)
    yield from control_filters(device, index, parent=_PRIO, to=_CONTROL)
    for dscp in INTERACTIVE.dscps.values():
        keys = key(0, dscp << 18, 0xFC << 16)
        yield choose(
            device, index, parent=_PRIO, order=3, protocol=IPV4, keys=keys, to=_INTERACTIVE
        )


def _queue(device: str, index: int, wanted: Shape, *, parent: int, handle: int) -> Request:
    """A class's buffer; control traffic is never marked."""
    limit_bytes = wanted.buffer_bytes
    if wanted.mark_bytes is None or parent == _CONTROL:
        return bfifo(device, index, parent=parent, handle=handle, limit_bytes=limit_bytes)
    return marking_fifo(
        device, index, parent=parent, handle=handle,
        limit_bytes=limit_bytes, mark_bytes=wanted.mark_bytes,
    )  # fmt: skip


def whole_line(device: str, index: int, wanted: Shape) -> Request:
    """The class that all of a sending end's packets share, with the line's rate."""
    return htb_class(
        device, index, parent=_LINE, handle=_WHOLE_LINE,
        rate_bytes_s=wanted.rate_bytes_s, frame_bytes=wanted.frame_bytes,
    )  # fmt: skip


def middle_end(device: str, index: int, other_index: int, wanted: Shape) -> Iterator[Request]:
    """The middle's device towards a switch; what it receives leaves by the other one."""
    yield from line(device, index, wanted, parent=ROOT, handle=_LINE)
    yield clsact(device, index)
    yield take_all(
        device, index, parent=INGRESS, order=1, protocol=ANY_PROTOCOL, action=redirect(other_index)
    )
