"""Delays between sites through the fibre, and the site in the middle of them."""

from __future__ import annotations

import math

import networkx as nx

from topologies.physics import span_delay_us
from topologies.spec import Topology


def delay_graph(topology: Topology) -> nx.MultiGraph[str]:
    """Sites as nodes, spans as edges (key: span id) with `delay_us`."""
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.add_nodes_from(site.id for site in topology.sites)
    for span in topology.spans:
        graph.add_edge(span.a, span.b, key=span.id, delay_us=span_delay_us(topology, span))
    return graph


def central_site(topology: Topology) -> str:
    """The site whose farthest site is nearest, the first in the file's order on a tie.

    Every search from one site bounds how far the farthest one can be from each other site
    (Takes and Kosters, 2013), so that few sites of a large graph have to be searched from.
    """
    graph = delay_graph(topology)
    at_least_us = dict.fromkeys(graph, 0.0)
    worst_us: dict[str, float] = {}
    while True:
        best_us = min(worst_us.values(), default=math.inf)
        # Rounding may put a bound above what it bounds.
        open_sites = [
            site for site, bound_us in at_least_us.items()
            if site not in worst_us and bound_us <= best_us * (1 + 1e-9)
        ]  # fmt: skip
        if not open_sites:
            return min(graph, key=lambda site: worst_us.get(site, math.inf))
        site = min(open_sites, key=at_least_us.__getitem__)
        delays_us = nx.single_source_dijkstra_path_length(graph, site, weight="delay_us")
        worst_us[site] = max(delays_us.values())
        for other, delay_us in delays_us.items():
            bound_us = max(delay_us, worst_us[site] - delay_us)
            at_least_us[other] = max(at_least_us[other], bound_us)
