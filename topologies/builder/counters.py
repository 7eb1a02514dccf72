"""What the kernel has counted at queueing disciplines. Light: a sampler starts with it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from topologies.builder.netlink import ECHO, RouteSocket, attributes

_GETQDISC = 38
_TCMSG = struct.Struct("=BxxxiIII")  # family, device, handle, parent, references
_STATS2, _BASIC, _QUEUE = 7, 1, 3
_BASIC_STATS = struct.Struct("=QI")  # bytes, packets
_QUEUE_STATS = struct.Struct("=III")  # packets, bytes, drops


@dataclass(frozen=True, slots=True)
class Counters:
    """A queueing discipline's: what has left it, what it holds, and what it has dropped."""

    parent: int
    sent_bytes: int
    sent_packets: int
    held_packets: int
    held_bytes: int
    dropped_packets: int


def all_counters(route: RouteSocket) -> dict[tuple[int, int], Counters]:
    """Of every queueing discipline of the namespace, by device index and handle."""
    found = {}
    for payload in route.dump(_GETQDISC, _TCMSG.pack(0, 0, 0, 0, 0)):
        _, index, handle, parent, _ = _TCMSG.unpack_from(payload)
        if handle:
            found[index, handle] = _counters(parent, payload)
    return found


def counters(route: RouteSocket, index: int, handle: int) -> Counters:
    """Of one queueing discipline. Raises BuildError if it is not there."""
    # Without ECHO the kernel tells those who listen to changes, and not the one who asks.
    payload = route.ask(_GETQDISC, _TCMSG.pack(0, index, handle, 0, 0), ECHO)
    _, _, _, parent, _ = _TCMSG.unpack_from(payload)
    return _counters(parent, payload)


def _counters(parent: int, payload: bytes) -> Counters:
    stats = attributes(attributes(payload[_TCMSG.size :]).get(_STATS2, b""))
    sent = _BASIC_STATS.unpack_from(stats.get(_BASIC, bytes(_BASIC_STATS.size)))
    queue = _QUEUE_STATS.unpack_from(stats.get(_QUEUE, bytes(_QUEUE_STATS.size)))
    return Counters(parent, *sent, *queue)
