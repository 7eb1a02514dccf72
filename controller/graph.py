"""The plan as a graph, and its shortest paths.

Every switch must agree on what the shortest path is, so there is exactly one
between any two sites: the least delay, then the fewest spans, then a fixed
preference among spans. That preference gives each span its own power of two,
so no two different paths weigh the same. A unique path is the same in both
directions, and every part of a shortest path is a shortest path; repairs rely
on both. networkx breaks ties by insertion order and has neither property.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from topologies.plan import NetworkPlan

Spans = frozenset[int]
NO_SPANS: Spans = frozenset()
_HOP_BITS = 16


@dataclass(frozen=True, slots=True)
class Tree:
    """Shortest paths between one site, the root, and all others, by index.

    parent: the next site towards the root, -1 at the root and where no path leads.
    via: the span to that site, -1 likewise.
    order: the sites that a path reaches, nearest first.
    """

    root: int
    parent: Sequence[int]
    via: Sequence[int]
    order: Sequence[int]

    def reaches(self, site: int) -> bool:
        """Whether a path leads from a site to the root."""
        return site == self.root or self.via[site] >= 0

    def walk(self, site: int) -> Iterator[tuple[int, int]]:
        """(site, span taken from there) along the path from `site` to the root."""
        while site != self.root:
            yield site, self.via[site]
            site = self.parent[site]

    def avoiding(self, spans: Collection[int]) -> list[bool]:
        """For each site, whether its path to the root exists and uses none of `spans`."""
        clean = [False] * len(self.via)
        clean[self.root] = True
        for site in self.order[1:]:
            clean[site] = clean[self.parent[site]] and self.via[site] not in spans
        return clean


class Graph:
    """Sites and spans of a plan by index; the plan's order gives the indexes."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.sites = tuple(switch.name for switch in plan.switches)
        self.site_index = {site: index for index, site in enumerate(self.sites)}
        self.spans = plan.spans
        self.span_index = {span.id: index for index, span in enumerate(plan.spans)}
        self.delay_ns = tuple(round(span.delay_us * 1000) for span in plan.spans)
        self.arcs = self._arcs()
        self._in_conduit = _conduits(plan)

    def other_end(self, span: int, site: int) -> int:
        """The site at the other end of a span."""
        return self.site_index[self.spans[span].other_end(self.sites[site])]

    def risk_groups(self, span: int) -> list[Spans]:
        """The spans that may fail together with one, by conduit, itself included."""
        return [self._in_conduit[conduit] for conduit in self.spans[span].conduits]

    def tree(self, root: int, without: Spans = NO_SPANS) -> Tree:
        """Dijkstra's algorithm from one site, in the graph without some spans."""
        size = len(self.sites)
        parent, via, order = [-1] * size, [-1] * size, []
        best: list[int | None] = [None] * size
        settled = [False] * size
        best[root] = 0
        queue = [(0, root)]
        while queue:
            distance, site = heapq.heappop(queue)
            if settled[site]:
                continue
            settled[site] = True
            order.append(site)
            for weight, head, span in self.arcs[site]:
                if settled[head] or span in without:
                    continue
                farther = distance + weight
                known = best[head]
                if known is None or farther < known:
                    best[head], parent[head], via[head] = farther, site, span
                    heapq.heappush(queue, (farther, head))
        return Tree(root, parent, via, order)

    def _arcs(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        by_id = sorted(range(len(self.spans)), key=lambda index: self.spans[index].id)
        hop = 1 << len(self.spans)
        delay_shift = len(self.spans) + _HOP_BITS
        arcs: list[list[tuple[int, int, int]]] = [[] for _ in self.sites]
        for rank, index in enumerate(by_id):
            span = self.spans[index]
            weight = (self.delay_ns[index] << delay_shift) + hop + (1 << rank)
            a, b = self.site_index[span.a.switch], self.site_index[span.b.switch]
            arcs[a].append((weight, b, index))
            arcs[b].append((weight, a, index))
        return tuple(tuple(sorted(site_arcs)) for site_arcs in arcs)


@dataclass(frozen=True)
class Routes:
    """The shortest paths in a graph without the spans that are known to have failed."""

    graph: Graph
    failed: Spans = NO_SPANS
    _trees: dict[int, Tree] = field(default_factory=dict, compare=False, repr=False)

    def tree(self, root: int) -> Tree:
        """The paths to and from one site; computed once."""
        if root not in self._trees:
            self._trees[root] = self.graph.tree(root, self.failed)
        return self._trees[root]

    def delay_ns(self, site: int, root: int) -> int:
        """One-way delay of the path between two sites that are connected."""
        return sum(self.graph.delay_ns[span] for _, span in self.tree(root).walk(site))


def _conduits(plan: NetworkPlan) -> dict[str, Spans]:
    members: dict[str, set[int]] = {}
    for index, span in enumerate(plan.spans):
        for conduit in span.conduits:
            members.setdefault(conduit, set()).add(index)
    return {conduit: frozenset(spans) for conduit, spans in members.items()}
