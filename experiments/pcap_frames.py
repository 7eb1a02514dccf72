"""Read back what a capture wrote, with its times on the trial's clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapReader

from traffic.clock import NS_PER_S

_SOURCE_ADDRESS = slice(14 + 12, 14 + 16)


def pcap_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """(CLOCK_MONOTONIC ns, bytes) of each packet of a capture, by the summary beside it.

    Raises OSError, and ValueError for a damaged file.
    """
    summary = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
    offset_ns = summary["realtime_minus_monotonic_ns"]
    try:
        with RawPcapReader(str(path)) as reader:
            for packet, told in reader:
                yield told.sec * NS_PER_S + told.usec - offset_ns, packet
    except (Scapy_Exception, EOFError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from None


def sent_from(path: Path, address: str) -> Iterator[tuple[int, bytes]]:
    """Those of the frames whose IPv4 source is an address."""
    source = bytes(int(part) for part in address.split("."))
    for at_ns, frame in pcap_frames(path):
        if frame[_SOURCE_ADDRESS] == source:
            yield at_ns, frame
