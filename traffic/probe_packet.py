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
MAX_FLOWS = 64
"""Classes of service that one sender keeps apart: as many as there are DSCPs."""
MAX_RATE_PPS = 100_000
