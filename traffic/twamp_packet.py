"""The test packets of TWAMP Light and STAMP, without authentication. No input or output here.

TWAMP Light: RFC 5357, section 4 and appendix I, over RFC 4656, section 4.1.2. STAMP: RFC 8762,
sections 4.2.1 and 4.3.1, which says in section 4.6 how the two work together; the session id
in the zeros after the error estimate is RFC 8972's.
"""

from __future__ import annotations

import struct

SENDER = struct.Struct(">IQHH")
"""Sequence number, timestamp, error estimate, session id (TWAMP Light: padding begins here)."""

REFLECTOR = struct.Struct(">IQHHQIQHHB")
"""Sequence number, timestamp, error estimate, session id, receive timestamp, then the sender's
sequence number, timestamp and error estimate, zeros, and the TTL with which it came."""

LEAST_REQUEST_BYTES = 14
"""A TWAMP Light request without padding."""
STAMP_BYTES = 44
"""A STAMP packet either way; a request of this size is answered by one of the same size."""

# Not synchronised from outside, NTP format, within 2^12 × 2^-32 s (1 µs) of the machine's clock.
ERROR_ESTIMATE = 12 << 8 | 1

TTL = 255
"""Of test packets both ways, so that each end sees how many routers were passed (RFC 5357)."""

_NS_PER_S = 1_000_000_000
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_ERA_S = 1 << 32  # NTP seconds begin anew in 2036


def ntp_of(realtime_ns: int) -> int:
    """CLOCK_REALTIME in ns as a 64-bit NTP timestamp (RFC 5905, section 6)."""
    seconds, rest_ns = divmod(realtime_ns, _NS_PER_S)
    return (seconds + _NTP_EPOCH_S) % _ERA_S << 32 | (rest_ns << 32) // _NS_PER_S


def between_ns(later: int, earlier: int) -> int:
    """The time between two NTP timestamps, rounded to ns; right across the change of era."""
    units = (later - earlier + (1 << 63)) % (1 << 64) - (1 << 63)
    return (units * _NS_PER_S + (1 << 31)) >> 32


def request(sequence: int, realtime_ns: int, session: int, length: int) -> bytes:
    """A sender's packet, padded with zeros to `length` bytes (at least STAMP_BYTES)."""
    stamp = ntp_of(realtime_ns)
    head = SENDER.pack(sequence & 0xFFFFFFFF, stamp, ERROR_ESTIMATE, session)
    return head.ljust(max(length, STAMP_BYTES), b"\0")


def session_of(packet: bytes) -> int:
    """The session id of a request; 0 where it is too short to have one."""
    return SENDER.unpack_from(packet)[3] if len(packet) >= STAMP_BYTES else 0


def reply(packet: bytes, ttl: int, received_ns: int, sent_ns: int, sequence: int | None) -> bytes:
    """The answer to a request of at least LEAST_REQUEST_BYTES.

    received_ns, sent_ns: CLOCK_REALTIME. sequence: the reflector's own number; None: the
    sender's (RFC 8762's stateless mode). What a longer request carries comes back unchanged.
    """
    asked, stamp, error, _ = SENDER.unpack_from(packet.ljust(SENDER.size, b"\0"))
    head = REFLECTOR.pack(
        asked if sequence is None else sequence & 0xFFFFFFFF,
        ntp_of(sent_ns),
        ERROR_ESTIMATE,
        session_of(packet),
        ntp_of(received_ns),
        asked,
        stamp,
        error,
        0,
        ttl,
    )
    return head + packet[len(head) :]
