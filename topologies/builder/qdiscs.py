"""Route netlink requests for queueing disciplines and the filters that feed them.

Numbers are from linux/pkt_sched.h, pkt_cls.h and gen_stats.h.
"""

from __future__ import annotations

import math
import socket
import struct

from topologies.builder.netlink import CREATE, EXCL, Request, attribute, text, u32

ROOT = 0xFFFFFFFF
INGRESS = 0xFFFFFFF2
_CLSACT = 0xFFFFFFF1
_NEWQDISC, _NEWTCLASS, _NEWTFILTER, _DELTFILTER = 36, 40, 44, 45
_KIND, _OPTIONS = 1, 2
_ETHERNET = 1  # link layer: a packet's length is what it is
_TICK_NS = 64  # the unit of times in a policer's message
# A bucket of 2 µs makes up for late timers: in the guest, each reading of the clock takes 256 ns.
_BUCKET_TICKS = 2000 // _TICK_NS
_RATE_TABLE = bytes(1024)  # asked for, no longer read
_OK, _SHOT, _STOLEN = 0, 2, 4
_EGRESS_REDIRECT = 1
_TERMINAL = 1
_LONGEST = 0xFFFFFFFF
_LARGEST_MARK = (1 << 31) - 2  # of RED
_RED_FLAGS = 1 | 8  # mark; and where that cannot be, do not drop
# By how many bits RED shifts the queue that it remembers, for each time without packets.
_NO_QUEUE_AFTER_A_REST = bytes([31]) * 256


def qdisc(
    what: str, index: int, *, parent: int, handle: int, kind: str, options: bytes = b""
) -> Request:
    """Make a queueing discipline under a parent's class, or at a device's root."""
    body = struct.pack("=BxxxiIII", 0, index, handle, parent, 0) + text(_KIND, kind)
    if options:
        body += attribute(_OPTIONS, options)
    return Request(what, _NEWQDISC, body, CREATE | EXCL)


def prio(device: str, index: int, *, parent: int, handle: int, bands: int) -> Request:
    """Strict priority among `bands`; what no filter chooses goes to the last."""
    options = struct.pack("=i16B", bands, *[bands - 1] * 16)
    return qdisc(
        f"prio on {device}", index, parent=parent, handle=handle, kind="prio", options=options
    )


def bfifo(device: str, index: int, *, parent: int, handle: int, limit_bytes: int) -> Request:
    """A queue of so many bytes."""
    options = struct.pack("=I", min(limit_bytes, _LONGEST))
    what = f"bfifo on {device}"
    return qdisc(what, index, parent=parent, handle=handle, kind="bfifo", options=options)


def marking_fifo(
    device: str, index: int, *, parent: int, handle: int, limit_bytes: int, mark_bytes: int
) -> Request:
    """A queue of so many bytes that marks (ECN) what comes while more than mark_bytes wait.

    RED without averaging and without chance is the marking that DCTCP asks for (RFC 8257,
    section 3.1); what does not ask for ECN passes as through `bfifo`.
    """
    mark_bytes = min(mark_bytes, _LARGEST_MARK)
    thresholds = struct.pack("=IIIxxxx", min(limit_bytes, _LONGEST), mark_bytes, mark_bytes + 1)
    options = attribute(1, thresholds) + attribute(2, _NO_QUEUE_AFTER_A_REST)
    options += u32(3, _LONGEST) + attribute(4, struct.pack("=II", _RED_FLAGS, _RED_FLAGS))
    what = f"red on {device}"
    return qdisc(what, index, parent=parent, handle=handle, kind="red", options=options)


def clsact(device: str, index: int) -> Request:
    """The place for filters on what a device receives (their parent: INGRESS)."""
    return qdisc(
        f"clsact on {device}", index, parent=_CLSACT, handle=_CLSACT & 0xFFFF0000, kind="clsact"
    )


def redirect(to_index: int) -> bytes:
    """An action that sends a packet out of another device."""
    options = attribute(2, struct.pack("=IIiiiiI", 0, 0, _STOLEN, 0, 0, _EGRESS_REDIRECT, to_index))
    return text(1, "mirred") + attribute(2, options)


def htb(device: str, index: int, *, handle: int, default: int) -> Request:
    """Classes that share a rate; what no filter chooses goes to the class `default`."""
    options = attribute(2, struct.pack("=IIIII", 3, 10, default, 0, 0))
    return qdisc(f"htb on {device}", index, parent=ROOT, handle=handle, kind="htb", options=options)


def htb_class(
    device: str,
    index: int,
    *,
    parent: int,
    handle: int,
    rate_bytes_s: int,
    frame_bytes: int,
) -> Request:
    """The class of a line, which lets a packet go as soon as the last one has been sent."""
    parameters = 2 * rate_spec(rate_bytes_s)
    parameters += struct.pack("=IIIII", _BUCKET_TICKS, _BUCKET_TICKS, frame_bytes, 0, 0)
    options = attribute(1, parameters)
    if rate_bytes_s > _LONGEST:
        rate = struct.pack("=Q", rate_bytes_s)
        options += attribute(6, rate) + attribute(7, rate)
    body = struct.pack("=BxxxiIII", 0, index, handle, parent, 0)
    body += text(_KIND, "htb") + attribute(_OPTIONS, options)
    return Request(f"htb class on {device}", _NEWTCLASS, body, CREATE | EXCL)


def choose(
    device: str, index: int, *, parent: int, order: int, protocol: int, keys: bytes, to: int
) -> Request:
    """Packets of an Ethernet protocol that have all `keys` (see `key`) go to class `to`."""
    count = len(keys) // 16
    selector = struct.pack("=BBBxHHhhI", _TERMINAL, 0, count, 0, 0, 0, 0, 0) + keys
    options = u32(1, to) + attribute(5, selector)
    return _filter(device, index, parent, order, protocol, "u32", options)


def key(offset: int, value: int, mask: int) -> bytes:
    """A test of the 32 bits at an offset (in bytes, a multiple of 4) from the network header."""
    return struct.pack("!II", mask, value) + struct.pack("=ii", offset, 0)


def take_all(
    device: str,
    index: int,
    *,
    parent: int,
    order: int,
    protocol: int,
    to: int = 0,
    action: bytes = b"",
) -> Request:
    """All packets of an Ethernet protocol go to class `to`, through an action."""
    options = u32(1, to) if to else b""
    if action:
        options += attribute(2, attribute(1, action))
    return _filter(device, index, parent, order, protocol, "matchall", options)


def police(rate_bytes_s: int, burst_ns: int) -> bytes:
    """An action that passes what fits a token bucket and drops the rest."""
    burst_ticks = min(_LONGEST, math.ceil(burst_ns / _TICK_NS))
    bucket = struct.pack("=IiIII", 0, _SHOT, 0, burst_ticks, _LONGEST)
    bucket += rate_spec(rate_bytes_s) + bytes(12 + 12)  # no peak rate, no counters
    options = attribute(1, bucket) + attribute(2, _RATE_TABLE) + u32(5, _OK)
    if rate_bytes_s > _LONGEST:
        options += attribute(8, struct.pack("=Q", rate_bytes_s))
    return text(1, "police") + attribute(2, options)


def rate_spec(rate_bytes_s: int) -> bytes:
    """A rate in the old form; one of more than 32 bits is told beside it."""
    return struct.pack("=BBHhHI", 3, _ETHERNET, 0, 0, 0, min(rate_bytes_s, _LONGEST))


def no_filter(device: str, index: int, *, parent: int, order: int, protocol: int) -> Request:
    """Remove all filters of an order."""
    body = struct.pack("=BxxxiIII", 0, index, 0, parent, order << 16 | socket.htons(protocol))
    return Request(f"filters on {device}", _DELTFILTER, body, flags=0)


def _filter(
    device: str, index: int, parent: int, order: int, protocol: int, kind: str, options: bytes
) -> Request:
    info = order << 16 | socket.htons(protocol)
    body = struct.pack("=BxxxiIII", 0, index, 0, parent, info)
    body += text(_KIND, kind) + attribute(_OPTIONS, options)
    return Request(f"{kind} filter on {device}", _NEWTFILTER, body, CREATE | EXCL)
