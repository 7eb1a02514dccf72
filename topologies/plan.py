"""From what a network is to what is built: ports, addresses, rates, delays.

The plan is pure data. The builder makes it, the controller routes on it, and
the measurement names things by it; each reads the same file.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import networkx as nx

from topologies.physics import span_delay_us
from topologies.spec import HostGroup, HostRole, Site, Strict, Topology, host_names

if TYPE_CHECKING:
    from collections.abc import Iterator

# All hosts send to this address; each site's switch answers for it (see docs/explanation).
GATEWAY_MAC = "02:00:00:00:00:01"
HOST_MTU = 1500
# Room for repair labels (4 bytes each): with equal MTUs full-size packets vanish.
SPAN_MTU = 1600
LABEL_BYTES = 4
CONTROLLER_PORT = 6653
# Even a switch beside the controller is reached through a management network.
_CONTROL_ACCESS_US = 50.0


class PlannedSwitch(Strict):
    """A site's switch: an Open vSwitch bridge of that name with its own control channel."""

    name: str
    site: str
    """Where it stands; a site's first switch bears its name."""
    dpid: int
    control_address: str
    """The switch's end of its control channel (a /31)."""
    controller_address: str
    """The controller's end of it."""
    control_delay_us: float
    """One-way delay between the switch and the controller: the shortest way through the fibre."""


class PlannedPort(Strict):
    """A switch port: its OpenFlow number and its device's name."""

    switch: str
    dpid: int
    number: int
    interface: str


class PlannedSpan(Strict):
    """A fibre span between two switch ports."""

    id: str
    a: PlannedPort
    b: PlannedPort
    delay_us: float
    rate_mbps: float
    """Line rate after scaling."""
    buffer_ms: float
    """How long a full queue in front of the span takes to drain."""
    conduits: tuple[str, ...]

    def port_at(self, switch: str) -> PlannedPort:
        """The span's port at one of its two switches. Raises KeyError elsewhere."""
        return {self.a.switch: self.a, self.b.switch: self.b}[switch]

    def other_end(self, switch: str) -> str:
        """The switch at the other end. Raises KeyError if the span does not touch `switch`."""
        return {self.a.switch: self.b.switch, self.b.switch: self.a.switch}[switch]


class PlannedHost(Strict):
    """A host and its access link; `ip` is in its site's prefix."""

    name: str
    site: str
    role: HostRole
    ip: str
    mac: str
    port: PlannedPort
    """The switch port that the host hangs on."""
    delay_us: float
    rate_mbps: float
    """Access rate after scaling."""
    buffer_ms: float


class NetworkPlan(Strict):
    """Everything that a network is built from. Sites' prefixes are 10.x.y.0/24."""

    name: str
    scale: float
    controller_site: str
    switches: tuple[PlannedSwitch, ...]
    spans: tuple[PlannedSpan, ...]
    hosts: tuple[PlannedHost, ...]

    def switch(self, name: str) -> PlannedSwitch:
        """The switch of that name. Raises KeyError if there is none."""
        return {switch.name: switch for switch in self.switches}[name]

    def host(self, name: str) -> PlannedHost:
        """The host of that name. Raises KeyError if there is none."""
        return {host.name: host for host in self.hosts}[name]

    def hosts_with_role(self, role: HostRole, site: str | None = None) -> tuple[PlannedHost, ...]:
        """The hosts of one role, of one site or of all."""
        return tuple(h for h in self.hosts if h.role == role and site in (None, h.site))


def make_plan(topology: Topology, scale: float = 1.0, buffer_ms: float = 20.0) -> NetworkPlan:
    """Number ports, give addresses and turn lengths and rates into delays and scaled rates.

    scale divides every capacity; delays are never scaled.
    buffer_ms is the queue in front of each span and access link, in time at line rate.
    """
    controller_site = topology.controller_site or central_site(topology)
    delays_us = nx.single_source_dijkstra_path_length(
        delay_graph(topology), controller_site, weight="delay_us"
    )
    dpids = {site.id: dpid for dpid, site in enumerate(topology.sites, start=1)}
    ports = {site.id: _port_numbers(site.id, dpids[site.id]) for site in topology.sites}
    hosts = tuple(
        _planned_host(
            site, dpids[site.id], number, name, group, next(ports[site.id]), scale, buffer_ms
        )
        for site in topology.sites
        for number, (name, group) in enumerate(host_names(site), start=1)
    )
    spans = tuple(
        PlannedSpan(
            id=span.id,
            a=next(ports[span.a]),
            b=next(ports[span.b]),
            delay_us=span_delay_us(topology, span),
            rate_mbps=span.rate_gbps * 1000 / scale,
            buffer_ms=buffer_ms,
            conduits=span.conduits,
        )
        for span in topology.spans
    )
    return NetworkPlan(
        name=topology.name,
        scale=scale,
        controller_site=controller_site,
        switches=tuple(_planned_switch(site, dpids[site.id], delays_us) for site in topology.sites),
        spans=spans,
        hosts=hosts,
    )


def delay_graph(topology: Topology) -> nx.MultiGraph[str]:
    """Sites as nodes, spans as edges (key: span id) with `delay_us`."""
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.add_nodes_from(site.id for site in topology.sites)
    for span in topology.spans:
        graph.add_edge(span.a, span.b, key=span.id, delay_us=span_delay_us(topology, span))
    return graph


def central_site(topology: Topology) -> str:
    """The site whose farthest site is nearest, the first in the file's order on a tie."""
    graph = delay_graph(topology)
    worst_us = {
        site: max(nx.single_source_dijkstra_path_length(graph, site, weight="delay_us").values())
        for site in graph
    }
    return min(worst_us, key=worst_us.__getitem__)


def site_prefix(dpid: int) -> str:
    """The network of a site's hosts; 65,535 sites have room in 10.0.0.0/8."""
    return f"10.{dpid >> 8}.{dpid & 255}.0/24"


def _port_numbers(site: str, dpid: int) -> Iterator[PlannedPort]:
    for number in count(1):
        yield PlannedPort(switch=site, dpid=dpid, number=number, interface=f"s{dpid}-eth{number}")


def _planned_switch(site: Site, dpid: int, delays_us: dict[str, float]) -> PlannedSwitch:
    # 172.16.0.0/12 holds 524,288 point-to-point pairs, apart from the hosts' 10.0.0.0/8.
    first, second = divmod(dpid * 2, 256)
    return PlannedSwitch(
        name=site.id,
        site=site.id,
        dpid=dpid,
        control_address=f"172.{16 + (first >> 8)}.{first & 255}.{second}",
        controller_address=f"172.{16 + (first >> 8)}.{first & 255}.{second + 1}",
        control_delay_us=delays_us[site.id] + _CONTROL_ACCESS_US,
    )


def _planned_host(
    site: Site,
    dpid: int,
    number: int,
    name: str,
    group: HostGroup,
    port: PlannedPort,
    scale: float,
    buffer_ms: float,
) -> PlannedHost:
    return PlannedHost(
        name=name,
        site=site.id,
        role=group.role,
        ip=f"10.{dpid >> 8}.{dpid & 255}.{number}",
        mac=f"02:01:{dpid >> 8:02x}:{dpid & 255:02x}:00:{number:02x}",
        port=port,
        delay_us=group.access_delay_us,
        rate_mbps=group.rate_gbps * 1000 / scale,
        buffer_ms=buffer_ms,
    )
