"""From what a network is to what is built: ports, addresses, rates, delays.

The plan is pure data. The builder makes it, the controller routes on it, and
the measurement names things by it; each reads the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, count

import networkx as nx

from topologies.delays import central_site, delay_graph
from topologies.fabric import border, fabric_links, hosts_by_switch, inner_switches
from topologies.link_choices import LinkChoices
from topologies.physics import fibre_delay_us, span_delay_us, span_length_km
from topologies.spec import FibreType, HostGroup, HostRole, Site, Strict, Topology

# All hosts send to this address; each site's switch answers for it (see docs/explanation).
GATEWAY_MAC = "02:00:00:00:00:01"
HOST_NETWORK_BITS = 8  # all hosts are in 10.0.0.0/8
HOST_DEVICE = "eth0"
"""What every host calls its network device."""
HOST_MTU = 1500
# Room for repair labels (4 bytes each): with equal MTUs full-size packets vanish.
SPAN_MTU = 1600
LABEL_BYTES = 4
CONTROLLER_PORT = 6653
# Even a switch beside the controller is reached through a management network.
_CONTROL_ACCESS_US = 50.0


class PlannedSwitch(Strict):
    """A switch: an Open vSwitch bridge of that name with its own control channel."""

    name: str
    site: str
    """Where it stands; the switch at which a site's fibre spans end bears the site's name."""
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
    """A link between two switch ports: a fibre span, or a cable of a site's fabric."""

    id: str
    a: PlannedPort
    b: PlannedPort
    site: str | None = None
    """The site in whose fabric it is; None for a fibre span between two sites."""
    length_km: float | None = None
    """Of the fibre's route; None for a cable of a fabric."""
    delay_us: float
    """One-way propagation delay from `a` to `b`."""
    delay_back_us: float | None = None
    """From `b` to `a`, where it is another."""
    base_loss: float = 0.0
    """Share of packets that are lost at all times, in each direction."""
    rate_mbps: float
    """Line rate after scaling."""
    buffer_ms: float
    """How long a full queue in front of the span takes to drain."""
    classes: bool = False
    """Whether it serves classes of data by strict priority; see docs/explanation/links.md."""
    ecn_mark_ms: float | None = None
    """Packets that ask for it are marked (ECN) where more than this waits, in time at line rate."""
    conduits: tuple[str, ...] = ()

    def port_at(self, switch: str) -> PlannedPort:
        """The span's port at one of its two switches. Raises KeyError elsewhere."""
        return {self.a.switch: self.a, self.b.switch: self.b}[switch]

    def other_end(self, switch: str) -> str:
        """The switch at the other end. Raises KeyError if the span does not touch `switch`."""
        return {self.a.switch: self.b.switch, self.b.switch: self.a.switch}[switch]


class PlannedHost(Strict):
    """A host and its access link; `ip` is in its switch's prefix."""

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
    learning: bool = False
    """It is on one subnet with all hosts and asks for their addresses (ARP), as learning
    switches need it; else its switch is its gateway and nobody asks."""


class PlannedDemand(Strict):
    """What one site's hosts send to another's on average, after scaling."""

    a: str
    b: str
    rate_mbps: float


class NetworkPlan(Strict):
    """Everything that a network is built from. Switches' prefixes are 10.x.y.0/24."""

    name: str
    scale: float
    controller_site: str
    switches: tuple[PlannedSwitch, ...]
    spans: tuple[PlannedSpan, ...]
    hosts: tuple[PlannedHost, ...]
    demands: tuple[PlannedDemand, ...] = ()

    def switch(self, name: str) -> PlannedSwitch:
        """The switch of that name. Raises KeyError if there is none."""
        return {switch.name: switch for switch in self.switches}[name]

    def host(self, name: str) -> PlannedHost:
        """The host of that name. Raises KeyError if there is none."""
        return {host.name: host for host in self.hosts}[name]

    def with_learning_hosts(self) -> NetworkPlan:
        """The same network for switches that learn addresses instead of routing."""
        hosts = tuple(host.model_copy(update={"learning": True}) for host in self.hosts)
        return self.model_copy(update={"hosts": hosts})

    def hosts_with_role(self, role: HostRole, site: str | None = None) -> tuple[PlannedHost, ...]:
        """The hosts of one role, of one site or of all."""
        return tuple(h for h in self.hosts if h.role == role and site in (None, h.site))


def make_plan(
    topology: Topology,
    scale: float = 1.0,
    buffer_ms: float = 20.0,
    *,
    buffer_bytes: float | None = None,
    classes: bool = False,
    ecn_mark_ms: float | None = None,
) -> NetworkPlan:
    """Number ports, give addresses and turn lengths and rates into delays and scaled rates.

    scale divides every capacity and buffer_bytes; delays are never scaled.
    buffer_ms is the queue in front of each span and access link, in time at line rate;
    buffer_bytes, if given, is that queue in bytes instead, before scaling.
    classes: spans serve classes of data by strict priority; their queues of data mark packets
    (ECN) from ecn_mark_ms on, in time at line rate.
    """
    links = LinkChoices(scale, buffer_ms, buffer_bytes, classes, ecn_mark_ms)
    controller_site = topology.controller_site or central_site(topology)
    delays_us = nx.single_source_dijkstra_path_length(
        delay_graph(topology), controller_site, weight="delay_us"
    )
    # The sites' own switches first: a fabric changes no other switch's number.
    switches = [(border(site), site) for site in topology.sites]
    switches += [(name, site) for site in topology.sites for name in inner_switches(site)]
    dpids = {name: dpid for dpid, (name, _) in enumerate(switches, start=1)}
    ports = {name: _port_numbers(name, dpid) for name, dpid in dpids.items()}
    hosts = tuple(_planned_hosts(topology, dpids, ports, links))
    spans = chain(
        _fibre_spans(topology, ports, links),
        _fabric_spans(topology, ports, links),
    )
    return NetworkPlan(
        name=topology.name,
        scale=scale,
        controller_site=controller_site,
        switches=tuple(
            _planned_switch(name, site, dpids[name], delays_us[site.id]) for name, site in switches
        ),
        spans=tuple(spans),
        hosts=hosts,
        demands=tuple(
            PlannedDemand(a=one.a, b=one.b, rate_mbps=links.rate_mbps(one.rate_gbps))
            for one in topology.demands
        ),
    )


def site_prefix(dpid: int) -> str:
    """The network of a switch's hosts; 65,535 switches have room in 10.0.0.0/8."""
    return f"10.{dpid >> 8}.{dpid & 255}.0/24"


_Ports = Mapping[str, Iterator[PlannedPort]]


def _port_numbers(switch: str, dpid: int) -> Iterator[PlannedPort]:
    for number in count(1):
        yield PlannedPort(switch=switch, dpid=dpid, number=number, interface=f"s{dpid}-eth{number}")


def _fibre_spans(topology: Topology, ports: _Ports, links: LinkChoices) -> Iterator[PlannedSpan]:
    for span in topology.spans:
        yield PlannedSpan(
            id=span.id,
            a=next(ports[span.a]),
            b=next(ports[span.b]),
            length_km=span_length_km(topology, span),
            delay_us=span_delay_us(topology, span),
            delay_back_us=span.delay_back_us,
            base_loss=span.base_loss,
            rate_mbps=links.rate_mbps(span.rate_gbps),
            buffer_ms=links.drain_ms(span.rate_gbps),
            classes=links.classes,
            ecn_mark_ms=links.ecn_mark_ms,
            conduits=span.conduits,
        )


def _fabric_spans(topology: Topology, ports: _Ports, links: LinkChoices) -> Iterator[PlannedSpan]:
    for site in topology.sites:
        for link in fabric_links(site):
            yield PlannedSpan(
                id=link.id,
                a=next(ports[link.a]),
                b=next(ports[link.b]),
                site=site.id,
                delay_us=fibre_delay_us(link.length_km, FibreType.SMF),
                rate_mbps=links.rate_mbps(link.rate_gbps),
                buffer_ms=links.drain_ms(link.rate_gbps),
                classes=links.classes,
                ecn_mark_ms=links.ecn_mark_ms,
            )


def _planned_switch(name: str, site: Site, dpid: int, delay_us: float) -> PlannedSwitch:
    # 172.16.0.0/12 holds 524,288 point-to-point pairs, apart from the hosts' 10.0.0.0/8.
    first, second = divmod(dpid * 2, 256)
    return PlannedSwitch(
        name=name,
        site=site.id,
        dpid=dpid,
        control_address=f"172.{16 + (first >> 8)}.{first & 255}.{second}",
        controller_address=f"172.{16 + (first >> 8)}.{first & 255}.{second + 1}",
        control_delay_us=delay_us + _CONTROL_ACCESS_US,
    )


def _planned_hosts(
    topology: Topology, dpids: Mapping[str, int], ports: _Ports, links: LinkChoices
) -> Iterator[PlannedHost]:
    """In the order of the sites and their groups, whatever switch they hang on."""
    numbers = {switch: count(1) for switch in dpids}
    for site in topology.sites:
        for name, group, switch in hosts_by_switch(site):
            yield _planned_host(
                name, site, group, next(ports[switch]), next(numbers[switch]), links
            )


def _planned_host(
    name: str,
    site: Site,
    group: HostGroup,
    port: PlannedPort,
    number: int,
    links: LinkChoices,
) -> PlannedHost:
    dpid = port.dpid
    return PlannedHost(
        name=name,
        site=site.id,
        role=group.role,
        ip=f"10.{dpid >> 8}.{dpid & 255}.{number}",
        mac=f"02:01:{dpid >> 8:02x}:{dpid & 255:02x}:00:{number:02x}",
        port=port,
        delay_us=group.access_delay_us,
        rate_mbps=links.rate_mbps(group.rate_gbps),
        buffer_ms=links.drain_ms(group.rate_gbps),
    )
