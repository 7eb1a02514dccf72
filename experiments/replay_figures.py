"""What of a replay arrived: each packet is known again by its own bytes."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

from experiments.pcap_frames import sent_from
from traffic.replay import Recording

_ETHERNET_BYTES = 14
_TTL, _CHECKSUM = 8, slice(10, 12)


def arrived(recording: Recording, sent: int, received: Path, source: str) -> int:
    """How many of the first `sent` packets of a recording a capture holds.

    source: the address that they were sent from. Raises OSError or ValueError for a damaged
    capture, Failure for a recording that cannot be read.
    """
    wanted = Counter(_known_by(packet) for _, packet in islice(recording.packets(), sent))
    found = 0
    for _, frame in sent_from(received, source):
        key = _known_by(frame[_ETHERNET_BYTES:])
        if wanted[key] > 0:
            wanted[key] -= 1
            found += 1
    return found


def _known_by(packet: bytes) -> bytes:
    """An IPv4 packet without padding, and without what routers change on its way."""
    content = bytearray(packet[: int.from_bytes(packet[2:4], "big")])
    content[_TTL] = 0
    content[_CHECKSUM] = b"\0\0"
    return bytes(content)
