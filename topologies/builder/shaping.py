"""The queueing disciplines that make a veth pair a fibre span.

netem sends a packet at max(now + delay, last packet's time) + size / rate: exactly
a FIFO serialiser and a fixed propagation delay. Its limit counts packets, those in
flight among them. Where the delay line holds few packets beside the buffer, one netem
is enough. On a long span a thousand small packets in flight would use up the places of
the queue, and places for all of them would be seconds of full-size packets; there,
delay and rate are two netems, and only the second one's limit is the buffer. A fixed
delay before or after a FIFO queue gives the same times at the far end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from topologies.builder.netlink import Request
from topologies.builder.requests import netem

_ETHERNET_HEADER_BYTES = 14
_SMALLEST_FRAME_BYTES = 42  # an empty UDP datagram
_FEWEST_BUFFERED = 50
# One netem is used while the delay line adds at most this share to the buffer.
_NEGLIGIBLE_IN_FLIGHT = 0.05
_UNLIMITED_PACKETS = 10_000_000
_CHILD_PARENT, _CHILD_HANDLE = 0x10001, 0x20000


@dataclass(frozen=True, slots=True)
class Shape:
    """One direction of a link. in_flight_packets: the most the delay line can hold."""

    delay_ns: int
    rate_bytes_s: int
    buffer_packets: int
    in_flight_packets: int

    @property
    def single(self) -> bool:
        """Whether one netem models this direction."""
        return self.in_flight_packets <= self.buffer_packets * _NEGLIGIBLE_IN_FLIGHT


def shape(delay_us: float, rate_mbps: float, buffer_ms: float, mtu: int) -> Shape:
    """The queueing of one direction; the buffer is buffer_ms of full-size packets."""
    rate_bytes_s = max(1, round(rate_mbps * 1e6 / 8))
    buffered = rate_bytes_s * buffer_ms / 1000 / (mtu + _ETHERNET_HEADER_BYTES)
    return Shape(
        delay_ns=round(delay_us * 1000),
        rate_bytes_s=rate_bytes_s,
        buffer_packets=max(_FEWEST_BUFFERED, math.ceil(buffered)),
        in_flight_packets=math.ceil(rate_bytes_s * delay_us / 1e6 / _SMALLEST_FRAME_BYTES),
    )


def shaping(device: str, index: int, wanted: Shape) -> Iterator[Request]:
    """The requests that give a device its queueing disciplines."""
    if wanted.single:
        yield netem(
            device,
            index,
            delay_ns=wanted.delay_ns,
            rate_bytes_s=wanted.rate_bytes_s,
            limit_packets=wanted.buffer_packets + wanted.in_flight_packets,
        )
        return
    yield netem(device, index, delay_ns=wanted.delay_ns, limit_packets=_UNLIMITED_PACKETS)
    yield netem(
        device,
        index,
        delay_ns=0,
        rate_bytes_s=wanted.rate_bytes_s,
        limit_packets=wanted.buffer_packets,
        parent=_CHILD_PARENT,
        handle=_CHILD_HANDLE,
    )


def delaying(device: str, index: int, delay_us: float) -> Request:
    """A delay alone, as a control channel has it."""
    return netem(device, index, delay_ns=round(delay_us * 1000), limit_packets=_UNLIMITED_PACKETS)
