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
    redirect,
    take_all,
)
from topologies.builder.shaping import ANY_PROTOCOL, IPV4, Shape, control_filters, line

_HTB = 1 << 16  # Open vSwitch turns queue q into the priority 1:(q+1), which names a class
_LINE, _CONTROL = _HTB | 0xFF, _HTB | 0xFE
_BEST_EFFORT, _INTERACTIVE = _HTB | 1, _HTB | 2
_PRIORITIES = {_CONTROL: 0, _INTERACTIVE: 1, _BEST_EFFORT: 2}
_OWN_BYTES_S = 1  # a class lives from what it borrows, in the order of the priorities
# DSCP EF (RFC 3246): expedited forwarding.
_EF = key(0, 0xB8 << 16, 0xFC << 16)


def sending_end(device: str, index: int, wanted: Shape) -> Iterator[Request]:
    """A switch's port: its classes, each with a buffer of its own, at the line's rate."""
    yield htb(device, index, handle=_HTB, default=_BEST_EFFORT & 0xFFFF)
    rate, frame = wanted.rate_bytes_s, wanted.frame_bytes
    yield htb_class(
        device, index, parent=_HTB, handle=_LINE,
        rate_bytes_s=rate, ceil_bytes_s=rate, frame_bytes=frame,
    )  # fmt: skip
    for number, (handle, priority) in enumerate(_PRIORITIES.items(), start=2):
        yield htb_class(
            device, index, parent=_LINE, handle=handle, priority=priority,
            rate_bytes_s=_OWN_BYTES_S, ceil_bytes_s=rate, frame_bytes=frame,
        )  # fmt: skip
        yield bfifo(
            device, index, parent=handle, handle=number << 16, limit_bytes=wanted.buffer_bytes
        )
    yield from control_filters(device, index, parent=_HTB, to=_CONTROL)
    yield choose(device, index, parent=_HTB, order=3, protocol=IPV4, keys=_EF, to=_INTERACTIVE)


def middle_end(device: str, index: int, other_index: int, wanted: Shape) -> Iterator[Request]:
    """The middle's device towards a switch; what it receives leaves by the other one."""
    yield from line(device, index, wanted, parent=ROOT, handle=_HTB)
    yield clsact(device, index)
    yield take_all(
        device, index, parent=INGRESS, order=1, protocol=ANY_PROTOCOL, action=redirect(other_index)
    )
