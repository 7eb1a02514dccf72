"""A large network to measure with: a Gabriel graph, thinned out to a given number of spans.

The largest graph of the Internet Topology Zoo (Kdl) has 754 nodes and about 900 links, which
is thinner than any Gabriel graph: most of its nodes lie on chains.
"""

from __future__ import annotations

import random
from itertools import pairwise

import networkx as nx

from topologies.load import load_topology
from topologies.spec import Span, Topology


def gabriel_topology(
    sites: int = 754, spans: int = 900, destinations: int = 100, seed: int = 1
) -> Topology:
    """A connected network; `destinations` of its sites, drawn by chance, have a host.

    Every third site has a conduit with two of its spans in it.
    """
    chance = random.Random(seed)
    whole = load_topology(f"gabriel:{sites},seed={seed}")
    kept = _thinned(whole, spans)
    with_host = {site.id for site in chance.sample(whole.sites, destinations)}
    conduits = _conduits(kept, [site.id for site in whole.sites[::3]], chance)
    return whole.model_copy(
        update={
            "sites": tuple(
                site if site.id in with_host else site.model_copy(update={"hosts": ()})
                for site in whole.sites
            ),
            "spans": tuple(
                span.model_copy(update={"conduits": conduits.get(span.id, ())}) for span in kept
            ),
        }
    )


def _thinned(whole: Topology, spans: int) -> list[Span]:
    """A spanning tree, and the spans that put most of its bridges on a cycle."""
    graph: nx.Graph[str] = nx.Graph([(span.a, span.b) for span in whole.spans])
    tree = nx.minimum_spanning_tree(graph)
    bridges = {frozenset(edge) for edge in tree.edges}
    kept = bridges.copy()
    cycles = {
        frozenset(edge): {frozenset(step) for step in pairwise(nx.shortest_path(tree, *edge))}
        for edge in graph.edges
        if not tree.has_edge(*edge)
    }
    while len(kept) < spans and cycles:
        best = max(cycles, key=lambda edge: (len(cycles[edge] & bridges), sorted(edge)))
        bridges -= cycles.pop(best)
        kept.add(best)
    return [span for span in whole.spans if {span.a, span.b} in kept]


def _conduits(
    spans: list[Span], sites: list[str], chance: random.Random
) -> dict[str, tuple[str, ...]]:
    conduits: dict[str, tuple[str, ...]] = {}
    for site in sites:
        free = [s.id for s in spans if site in (s.a, s.b) and s.id not in conduits]
        if len(free) > 1:
            conduits.update(dict.fromkeys(chance.sample(free, 2), (f"duct-{site}",)))
    return conduits
