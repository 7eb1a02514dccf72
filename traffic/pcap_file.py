"""A pcap file, written packet by packet with times in nanoseconds. Scapy and Wireshark read it.

Format: draft-ietf-opsawg-pcap, section 4 (magic number 0xA1B23C4D: nanoseconds).
"""

from __future__ import annotations

import struct

from traffic.output import cannot_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

LINKTYPE_ETHERNET = 1
LINKTYPE_RAW = 101
"""Packets begin with their IP header."""

_MAGIC_NANOSECONDS = 0xA1B23C4D
_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_NS_PER_S = 1_000_000_000


class PcapWriter:
    """An open pcap file; nothing of it stays in memory."""

    def __init__(self, path: str, linktype: int, snap_bytes: int = 65_535) -> None:
        """Raises Failure when the file cannot be written."""
        self._path, self._snap_bytes = path, snap_bytes
        try:
            self._file = open(path, "wb")  # noqa: SIM115
            self._file.write(_HEADER.pack(_MAGIC_NANOSECONDS, 2, 4, 0, 0, snap_bytes, linktype))
            self._file.flush()
        except OSError as error:
            raise cannot_write(path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, at_ns: int, packet: bytes, length: int | None = None) -> None:
        """Add a packet. at_ns: CLOCK_REALTIME; length: of the packet before it was cut short."""
        whole = len(packet) if length is None else length
        kept = packet[: min(whole, self._snap_bytes)]
        seconds, rest_ns = divmod(at_ns, _NS_PER_S)
        try:
            self._file.write(_RECORD.pack(seconds, rest_ns, len(kept), whole) + kept)
        except OSError as error:
            raise cannot_write(self._path, error) from None
