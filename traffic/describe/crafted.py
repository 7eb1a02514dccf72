"""Crafted and replayed packets, and captures."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.describe.process import Process, Shaped


@dataclass(frozen=True, kw_only=True)
class CraftedPackets(Shaped):
    """Scapy's packets: `udp`, `rocev2` or `vxlan`; `flows` take their turns."""

    program = "crafted"
    needs_packages = True

    to: str
    kind: str = "udp"
    count: int | None = None
    rate_pps: int = 1000
    payload_bytes: int = 64
    dscp: int = 0
    ecn: int = 0
    flows: int = 1
    queue_pair: int = 1
    message_packets: int = 1
    vni: int = 1
    pcap: str | None = None


@dataclass(frozen=True, kw_only=True)
class PcapReplay(Process):
    """The IPv4 packets of a pcap file, with its timing, to the address `to`."""

    program = "replay"
    needs_packages = True

    pcap: str
    to: str
    speed: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PacketCapture(Process):
    """A pcap of an interface in `out`, and a summary in `out`.json.

    occupy: nobody answers packets to `port` that nobody listens there.
    """

    program = "capture"

    interface: str
    snap_bytes: int = 1700
    max_packets: int | None = None
    port: int | None = None
    occupy: bool = False
