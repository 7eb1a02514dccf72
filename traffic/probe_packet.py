"""The probe's packet and the rows that its receiver records. No input or output here."""

from __future__ import annotations

import struct

MAGIC = 0x46435042  # "FCPB"
HEADER = struct.Struct("<IIqq")
"""Magic, flow id, sequence number, transmit time in ns; the rest of the packet is zeros."""

ROW = struct.Struct("<qqq")
"""One received packet: sequence number, transmit time in ns, receive time in ns."""

MIN_PAYLOAD_BYTES = HEADER.size
MAX_PAYLOAD_BYTES = 65_507
MAX_FLOW = 2**32 - 1
MAX_RATE_PPS = 100_000


def due_ns(start_ns: int, rate_pps: int, sequence: int) -> int:
    """When a packet is due. From the start, not from its predecessor, so no error adds up."""
    return start_ns + sequence * 1_000_000_000 // rate_pps


def packets_before(start_ns: int, rate_pps: int, stop_ns: int) -> int:
    """How many packets are due from start_ns on and before stop_ns."""
    return max(0, -((start_ns - stop_ns) * rate_pps // 1_000_000_000))
