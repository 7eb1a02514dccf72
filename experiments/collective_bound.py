"""The least time of a collective on a planned network, from its capacity and its delays.

A pure function of the plan. Two bounds, of which the larger counts:

- the schedule's: the longest chain of messages that need each other, each alone on the shortest
  way (latency and bandwidth terms of R. Thakur, R. Rabenseifner, W. Gropp, 2005; packets are
  forwarded hop by hop);
- the bottleneck's: all bytes that the schedule sends over a link, at its rate, and the delay.

Headers down to Ethernet count; acknowledgements, slow start and other traffic do not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from topologies.plan import NetworkPlan
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.model import (
    MSS_BYTES,
    SEGMENT_OVERHEAD_BYTES,
    Program,
    schedule_s,
    wire_bytes,
)
from traffic.collectives.schedule import ELEMENT_BYTES, Shape

_FRAME_BYTES = MSS_BYTES + SEGMENT_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Way:
    """The shortest way between two hosts: its links with their rates, and its delay."""

    links: tuple[tuple[str, float], ...]
    """(name with direction, rate in Mbit/s), the sender's own line first."""
    delay_s: float

    def takes_s(self, size_bytes: int) -> float:
        """From the first bit on the sender's line to the last bit at the receiver."""
        frame = min(size_bytes, _FRAME_BYTES)
        rates = sorted(rate for _, rate in self.links)
        forwarding_s = sum(_seconds(frame, rate) for rate in rates[1:])
        return self.delay_s + _seconds(size_bytes, rates[0]) + forwarding_s


def _seconds(size_bytes: float, rate_mbps: float) -> float:
    return size_bytes * 8 / (rate_mbps * 1e6)


class Ways:
    """The shortest ways between the hosts of a plan, in the order of the ranks."""

    def __init__(self, plan: NetworkPlan, hosts: Sequence[str]) -> None:
        self._hosts = [plan.host(name) for name in hosts]
        self._graph: nx.DiGraph[str] = nx.DiGraph()
        self._graph.add_nodes_from(switch.name for switch in plan.switches)
        for span in plan.spans:
            back_us = span.delay_us if span.delay_back_us is None else span.delay_back_us
            self._add(span.a.switch, span.b.switch, span.id, span.delay_us, span.rate_mbps)
            self._add(span.b.switch, span.a.switch, span.id, back_us, span.rate_mbps)
        self._known: dict[tuple[int, int], Way] = {}

    def _add(self, source: str, target: str, span: str, delay_us: float, rate_mbps: float) -> None:
        known_us = self._graph.get_edge_data(source, target, {"delay_us": math.inf})["delay_us"]
        if delay_us < known_us:
            link = f"{span} from {source}", rate_mbps
            self._graph.add_edge(source, target, delay_us=delay_us, link=link)

    def way(self, source: int, target: int) -> Way:
        """From one rank to another. Raises networkx.NetworkXNoPath if there is none."""
        if (source, target) not in self._known:
            self._known[source, target] = self._find(source, target)
        return self._known[source, target]

    def _find(self, source: int, target: int) -> Way:
        first, last = self._hosts[source], self._hosts[target]
        path = nx.shortest_path(self._graph, first.port.switch, last.port.switch, weight="delay_us")
        edges = [self._graph.edges[edge] for edge in nx.utils.pairwise(path)]
        delay_us = first.delay_us + last.delay_us + sum(edge["delay_us"] for edge in edges)
        links = (
            (f"from {first.name}", first.rate_mbps),
            *(edge["link"] for edge in edges),
            (f"to {last.name}", last.rate_mbps),
        )
        return Way(links, delay_us / 1e6)


def message_s(ways: Ways, source: int, target: int, size_bytes: int, connections: int = 1) -> float:
    """What one message takes at least."""
    return ways.way(source, target).takes_s(wire_bytes(size_bytes, connections))


def collective_s(
    ways: Ways, collective: str, algorithm: str, shape: Shape, connections: int = 1
) -> float:
    """What a collective takes at least, all ranks starting at once."""
    rounds = COLLECTIVES[collective].algorithms[algorithm]
    return programs_s(ways, [rounds(shape, rank) for rank in range(shape.ranks)], connections)


def programs_s(ways: Ways, programs: Sequence[Program], connections: int = 1) -> float:
    """What the ranks' schedules take at least."""

    def takes_s(source: int, target: int, size: int) -> float:
        return message_s(ways, source, target, size, connections)

    alone_s = schedule_s(programs, lambda _source, _target, _size: 0.0, takes_s)
    return max(alone_s, _bottleneck_s(ways, programs, connections))


def _bottleneck_s(ways: Ways, programs: Sequence[Program], connections: int) -> float:
    """The link that takes longest to carry what crosses it.

    At a host's own line the shortest delay of all that crosses it comes on top: before the
    first bit comes in, or after the last bit has gone out.
    """
    loads_s: dict[str, float] = defaultdict(float)
    nearest_s: dict[str, float] = defaultdict(lambda: math.inf)
    for rank, program in enumerate(programs):
        for message in (m for part in program for m in part if m.sends):
            wire = wire_bytes(message.elements * ELEMENT_BYTES, connections)
            way = ways.way(rank, message.peer)
            for number, (link, rate_mbps) in enumerate(way.links):
                loads_s[link] += _seconds(wire, rate_mbps)
                at_a_host = number in (0, len(way.links) - 1)
                nearest_s[link] = min(nearest_s[link], way.delay_s if at_a_host else 0.0)
    return max((load_s + nearest_s[link] for link, load_s in loads_s.items()), default=0.0)
