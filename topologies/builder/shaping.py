"""The queueing disciplines that make a veth pair a fibre span.

netem with a rate and a delay sends a packet at max(now + delay, the last one's time)
+ size / rate: exactly a FIFO serialiser and a propagation delay. What its `limit` counts
are packets, those in flight among them, so here it never drops. The buffer is a policer in
front of it: a token bucket that fills at the line rate is what is free in a FIFO queue
that drains at the line rate, so a packet passes where, and only where, its bytes have a
place in the queue. It costs no queueing discipline, and the length of the span does not
matter.

On a span, control traffic has a netem of its own, beside the data's: it waits for nothing.
Its bits come on top of the line rate. prio only tells the two apart.

A host's own device has one netem alone: its limit holds TCP back, as a network card does,
where a policer would lose the packet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from topologies.builder.netlink import Request
from topologies.builder.qdiscs import ROOT, choose, key, police, prio, take_all
from topologies.builder.requests import netem

ETHERNET_HEADER_BYTES = 14
_SMALLEST_FRAME_BYTES = 42  # an empty UDP datagram
_FEWEST_OF_A_HOST = 50
_UNLIMITED_PACKETS = 10_000_000
_FAST_BYTES_S = 1_250_000  # 10 Mbit/s, of which a byte per second is less than 10^-6
_NS_PER_S = 1_000_000_000
ANY_PROTOCOL, IPV4, _LLDP = 0x0003, 0x0800, 0x88CC
# Not 1:, so that a queue number that a controller sets does not choose a band.
PRIO = 0x10 << 16
_CONTROL, _DATA = 1, 2
_CONTROL_LINE, _DATA_LINE = 0x11 << 16, 0x12 << 16
# A span's lines: the class of prio that each is in, and its own handle.
SPAN_LINES = ((PRIO | _CONTROL, _CONTROL_LINE), (PRIO | _DATA, _DATA_LINE))
BUFFER_ORDER = 3
# From a line's handle to that of the loss behind it.
LOSS_STEP = 0x10 << 16
# BFD between neighbours (RFC 5881) as network control: DSCP CS6 and UDP to port 3784.
_BFD = key(0, 0xC0 << 16, 0xFC << 16) + key(8, 17 << 16, 0xFF << 16) + key(20, 3784, 0xFFFF)


@dataclass(frozen=True, slots=True)
class Shape:
    """One direction of a link.

    buffer_bytes: the queue in front of it, the packet that is being sent among it.
    loss: the share of packets that get lost on the way. mark_bytes: packets that ask for it are
    marked (ECN) where more than so much waits.
    """

    delay_ns: int
    rate_bytes_s: int
    buffer_bytes: int
    frame_bytes: int
    loss: float = 0.0
    mark_bytes: int | None = None

    @property
    def buffer_ns(self) -> int:
        """How long a full queue takes to drain."""
        return math.ceil(self.buffer_bytes * _NS_PER_S / self.rate_bytes_s)


def shape(
    delay_us: float,
    rate_mbps: float,
    buffer_ms: float,
    mtu: int,
    loss: float = 0.0,
    mark_ms: float | None = None,
) -> Shape:
    """The queueing of one direction; a buffer that is too small for any packet holds one."""
    rate_bytes_s = max(1, round(rate_mbps * 1e6 / 8))
    frame_bytes = mtu + ETHERNET_HEADER_BYTES
    return Shape(
        delay_ns=round(delay_us * 1000),
        rate_bytes_s=rate_bytes_s,
        buffer_bytes=max(frame_bytes, round(rate_bytes_s * buffer_ms / 1000)),
        frame_bytes=frame_bytes,
        loss=loss,
        mark_bytes=None if mark_ms is None else max(1, round(rate_bytes_s * mark_ms / 1000)),
    )


def span_shaping(device: str, index: int, wanted: Shape) -> Iterator[Request]:
    """A span's end: control traffic ahead, then data through its buffer."""
    yield prio(device, index, parent=ROOT, handle=PRIO, bands=2)
    for parent, handle in SPAN_LINES:
        yield from line(device, index, wanted, parent=parent, handle=handle)
    yield from control_filters(device, index, parent=PRIO, to=PRIO | _CONTROL)
    yield span_buffer(device, index, wanted)


def port_shaping(device: str, index: int, wanted: Shape) -> Iterator[Request]:
    """A switch's port to a host: data alone."""
    yield prio(device, index, parent=ROOT, handle=PRIO, bands=2)
    yield from line(device, index, wanted, parent=PRIO | _DATA, handle=_DATA_LINE)
    yield span_buffer(device, index, wanted)


def host_shaping(device: str, index: int, wanted: Shape) -> Iterator[Request]:
    """A host's device; the buffer counts in full-size packets, beside those in flight."""
    in_flight_bytes = wanted.rate_bytes_s * wanted.delay_ns / _NS_PER_S
    limit = math.ceil(wanted.buffer_bytes / wanted.frame_bytes)
    limit += math.ceil(in_flight_bytes / _SMALLEST_FRAME_BYTES)
    yield netem(
        device,
        index,
        delay_ns=wanted.delay_ns,
        rate_bytes_s=wanted.rate_bytes_s,
        limit_packets=max(_FEWEST_OF_A_HOST, limit),
    )


def delaying(device: str, index: int, delay_us: float) -> Request:
    """A delay alone, as a control channel has it."""
    return netem(device, index, delay_ns=round(delay_us * 1000), limit_packets=_UNLIMITED_PACKETS)


def control_filters(device: str, index: int, *, parent: int, to: int) -> Iterator[Request]:
    """What is network control goes to class `to`: BFD, and LLDP."""
    yield choose(device, index, parent=parent, order=1, protocol=IPV4, keys=_BFD, to=to)
    yield take_all(device, index, parent=parent, order=2, protocol=_LLDP, to=to)


def span_buffer(device: str, index: int, wanted: Shape) -> Request:
    """The policer in front of a span's, or a port's, data."""
    # The kernel's policer rounds a packet's time down and netem does not: at the same rate, a
    # queue on a fast line that is always full would slowly outgrow its buffer.
    slower = 1 if wanted.rate_bytes_s >= _FAST_BYTES_S else 0
    action = police(wanted.rate_bytes_s - slower, wanted.buffer_ns)
    return take_all(
        device,
        index,
        parent=PRIO,
        order=BUFFER_ORDER,
        protocol=ANY_PROTOCOL,
        to=PRIO | _DATA,
        action=action,
    )


def line(device: str, index: int, wanted: Shape, *, parent: int, handle: int) -> Iterator[Request]:
    """Serialisation and propagation; what gets lost has taken its time on the line."""
    yield netem(
        device,
        index,
        delay_ns=wanted.delay_ns,
        rate_bytes_s=wanted.rate_bytes_s,
        limit_packets=_UNLIMITED_PACKETS,
        parent=parent,
        handle=handle,
    )
    if wanted.loss:
        yield netem(
            device,
            index,
            delay_ns=0,
            loss=wanted.loss,
            limit_packets=_UNLIMITED_PACKETS,
            parent=handle | 1,
            handle=handle + LOSS_STEP,
        )


def last_class(line_handle: int, wanted: Shape) -> str:
    """Where a further queueing discipline meets what a line has carried, as tc names classes."""
    handle = line_handle + LOSS_STEP if wanted.loss else line_handle
    return f"{handle >> 16:x}:1"
