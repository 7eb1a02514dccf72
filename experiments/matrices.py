"""Traffic matrices: who sends how much to whom, and how it fills the links on its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from controller.graph import Graph, Routes
from topologies.plan import NetworkPlan, PlannedHost

Matrix = Mapping[tuple[str, str], float]
"""Mbit/s by the names of a sending and a receiving host."""
Link = tuple[str, str]
"""A direction of a link: a span and the switch that it leaves, or a host and `up` or `down`."""


def chosen_hosts(plan: NetworkPlan, names: Collection[str]) -> list[PlannedHost]:
    """The named hosts; without names the first host of each site that has some."""
    if names:
        return [plan.host(name) for name in names]
    return list({host.site: host for host in reversed(plan.hosts)}.values())[::-1]


def uniform(hosts: Collection[PlannedHost]) -> dict[tuple[str, str], float]:
    """As much from everybody to everybody."""
    return {(a.name, b.name): 1.0 for a in hosts for b in hosts if a is not b}


def gravity(plan: NetworkPlan, hosts: Collection[PlannedHost]) -> dict[tuple[str, str], float]:
    """In proportion to what the two sites' hosts can send and take.

    The simple gravity model: T(a, b) ~ out(a) · in(b), with no distance in it (Zhang, Roughan,
    Duffield, Greenberg: Fast accurate computation of large-scale IP traffic matrices from link
    loads, SIGMETRICS 2003, section 3.1). What a site sends and takes is unknown before it is
    measured; the rate of its hosts' access links stands for it.
    """
    mass: dict[str, float] = defaultdict(float)
    for host in plan.hosts:
        mass[host.site] += host.rate_mbps
    return {
        (a.name, b.name): mass[a.site] * mass[b.site] for a in hosts for b in hosts if a is not b
    }


def demanded(plan: NetworkPlan, hosts: Collection[PlannedHost]) -> dict[tuple[str, str], float]:
    """The topology's own demands, from each site's host to the other's; others are left out."""
    by_site = {host.site: host.name for host in hosts}
    found: dict[tuple[str, str], float] = defaultdict(float)
    for demand in plan.demands:
        if demand.a in by_site and demand.b in by_site:
            found[by_site[demand.a], by_site[demand.b]] += demand.rate_mbps
    return dict(found)


def loads_mbps(plan: NetworkPlan, matrix: Matrix) -> dict[Link, float]:
    """What a matrix puts on each direction of each link, on the shortest paths."""
    routes, hosts = Routes(Graph(plan)), {host.name: host for host in plan.hosts}
    loads: dict[Link, float] = defaultdict(float)
    for (source, target), rate_mbps in matrix.items():
        for link in _way(routes, hosts[source], hosts[target]):
            loads[link] += rate_mbps
    return dict(loads)


def _way(routes: Routes, source: PlannedHost, target: PlannedHost) -> Iterator[Link]:
    graph = routes.graph
    yield source.name, "up"
    root, start = graph.site_index[target.port.switch], graph.site_index[source.port.switch]
    for site, span in routes.tree(root).walk(start):
        yield graph.spans[span].id, graph.sites[site]
    yield target.name, "down"


def fullest(plan: NetworkPlan, loads: Mapping[Link, float]) -> tuple[Link, float]:
    """The link that is filled most, and its load as a share of its rate."""
    rates = {span.id: span.rate_mbps for span in plan.spans}
    rates |= {host.name: host.rate_mbps for host in plan.hosts}
    shares = {link: load / rates[link[0]] for link, load in loads.items()}
    link = max(sorted(shares), key=shares.__getitem__)
    return link, shares[link]


def scaled_to(plan: NetworkPlan, matrix: Matrix, load: float) -> dict[tuple[str, str], float]:
    """The same proportions, such that the fullest link carries `load` of its rate."""
    _, share = fullest(plan, loads_mbps(plan, matrix))
    return {pair: rate_mbps * load / share for pair, rate_mbps in matrix.items()}
