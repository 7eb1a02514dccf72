"""Finding a packet's flow: tuple space search, as Open vSwitch does it.

Flows that look at the same fields, with the same prefix length, stand in one
hash table; a lookup asks each of these tables once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from controller.packet import Packet
from controller.rules import Flow, Match

_FIELDS = ("eth_type", "eth_dst", "mpls_label", "mpls_bos", "ip_dscp", "mpls_tc")
# Which fields count, and how many bits of the destination address (-1: not looked at).
_Shape = tuple[tuple[str, ...], int]
_Values = tuple[int | str, ...]


class FlowTable:
    """One table of a switch."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._by_shape: dict[_Shape, dict[_Values, Flow]] = {}
        for flow in flows:
            shape, values = _shape_and_values(flow.key.match)
            same = self._by_shape.setdefault(shape, {})
            other = same.get(values)
            if other is None or other.key.priority < flow.key.priority:
                same[values] = flow

    def best(self, packet: Packet) -> Flow | None:
        """The matching flow of the highest priority, None on a miss."""
        found: Flow | None = None
        for shape, flows in self._by_shape.items():
            values = _values_of(packet, shape)
            flow = None if values is None else flows.get(values)
            if flow and (found is None or flow.key.priority > found.key.priority):
                found = flow
        return found


def _shape_and_values(match: Match) -> tuple[_Shape, _Values]:
    fields = tuple(name for name in _FIELDS if getattr(match, name) is not None)
    values: _Values = tuple(getattr(match, name) for name in fields)
    if match.ipv4_dst is None:
        return (fields, -1), values
    network = IPv4Network(match.ipv4_dst)
    return (fields, network.prefixlen), (*values, int(network.network_address))


def _values_of(packet: Packet, shape: _Shape) -> _Values | None:
    fields, bits = shape
    values: list[int | str] = []
    for name in fields:
        value = _value(packet, name)
        if value is None:
            return None
        values.append(value)
    if bits >= 0:
        if packet.labels:
            return None
        values.append(_address(packet.ipv4_dst) >> (32 - bits) << (32 - bits))
    return tuple(values)


def _value(packet: Packet, name: str) -> int | str | None:
    match name:
        case "eth_type":
            return packet.eth_type
        case "eth_dst":
            return packet.eth_dst
        case "mpls_label":
            return packet.labels[0] if packet.labels else None
        case "mpls_tc":
            return packet.label_classes[0] if packet.labels else None
        case "ip_dscp":
            return None if packet.labels else packet.dscp
        case _:
            return int(len(packet.labels) == 1) if packet.labels else None


@lru_cache(maxsize=65_536)
def _address(text: str) -> int:
    return int(IPv4Address(text))
