"""The plan as a graph, and its shortest paths.

Every switch must agree on what the shortest path is, so there is exactly one
between any two: the least delay, then the fewest spans, then a fixed preference
among spans. A path's cost is one integer that says all three:

    delay in ns | number of spans | a bit for each span of the path

The bits make the costs of any two paths differ, and they make the cost tell which
spans the path uses: `cost & spans` is zero exactly if it avoids them. A unique
path is the same in both directions, and every part of a shortest path is one;
repairs rely on both. networkx breaks ties by insertion order and has neither.

Nodes of the graph are switches, here called by their index in the plan. A set of
spans is an integer too, one bit for each.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator

from controller.tree import Edge, Step, Tree, cut_off, take
from topologies.plan import NetworkPlan, PlannedSpan

Spans = int
"""A set of spans: the sum of their bits (`Graph.bits`)."""
NO_SPANS: Spans = 0
_HOP_BITS = 16


class Graph:
    """Switches and spans of a plan by index; the plan's order gives the indexes."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.sites = tuple(switch.name for switch in plan.switches)
        self.site_index = {site: index for index, site in enumerate(self.sites)}
        self.spans = plan.spans
        self.span_index = {span.id: index for index, span in enumerate(plan.spans)}
        self.delay_ns = tuple(round(_metric_us(span) * 1000) for span in plan.spans)
        hop, shift = 1 << len(self.spans), len(self.spans) + _HOP_BITS
        self._delay_shift = shift
        self.bits = _bits(plan)
        self.edges = self._edges(hop)
        self.arcs = self._arcs()
        self._ranked = sorted(self.edges, key=lambda edge: self.bits[edge[3]])
        # Dearer than any path, and «uses» every span.
        longest = max(self.delay_ns, default=0).bit_length() + _HOP_BITS
        self.unreachable: int = (1 << shift + longest) - 1
        self.at_site: tuple[Spans, ...] = tuple(
            sum(self.bits[span] for _, _, span in arcs) for arcs in self.arcs
        )
        self._in_conduit = self._conduits()

    def other_end(self, span: int, site: int) -> int:
        """The switch at the other end of a span."""
        return self.site_index[self.spans[span].other_end(self.sites[site])]

    def set_of(self, spans: Iterable[int]) -> Spans:
        """Some spans, by index, as one set."""
        return sum(self.bits[span] for span in set(spans))

    def risk_groups(self, span: int) -> list[Spans]:
        """The spans that may fail together with one, by conduit, itself included."""
        return [self._in_conduit[conduit] for conduit in self.spans[span].conduits]

    def delay_of(self, cost: int) -> int:
        """The one-way delay in ns that a path's cost tells."""
        return cost >> self._delay_shift

    def tree(self, root: int, without: Spans = NO_SPANS) -> Tree:
        """Dijkstra's algorithm from one switch, in the graph without some spans."""
        size = len(self.sites)
        nothing = [-1] * size
        costs = [self.unreachable] * size
        tree = Tree(root, nothing, nothing.copy(), nothing.copy(), costs, self.edges)
        tree.cost[root] = 0
        first = [arc for arc in self.arcs[root] if not arc[0] & without]
        queue = [(cost, head, root, span) for cost, head, span in first]
        for step in self._settled(queue, set(range(size)) - {root}, without).values():
            take(tree, step)
        return tree

    def pruned(self, tree: Tree, gone: Spans) -> Tree:
        """The tree after some spans have gone; the same object if it used none of them."""
        steps, lost = self.detours(tree, gone)
        if not lost:
            return tree
        lists = (tree.parent.copy(), tree.via.copy(), tree.branch.copy(), tree.cost.copy())
        changed = Tree(tree.root, *lists, self.edges)
        for site in lost:
            cut_off(changed, site, self.unreachable)
        for step in steps.values():
            take(changed, step)
        return changed

    def detours(
        self, tree: Tree, gone: Spans, wanted: Collection[int] | None = None
    ) -> tuple[dict[int, Step], set[int]]:
        """The new last steps by switch, nearest first, and the switches that needed one.

        Only switches whose path used a span that is gone are looked at (Ramalingam and
        Reps, «An incremental algorithm for a generalization of the shortest-path
        problem», 1996). gone: all spans that are not there, those that the tree knew of
        included. wanted: nothing beyond these is needed.
        """
        cost = tree.cost
        none = self.unreachable
        lost = self._behind(tree, gone)
        queue = []
        for weight, a, b, span in tree.unused:
            # From what is not lost to what is.
            if (a in lost) != (b in lost) and not weight & gone:
                near, far = (b, a) if a in lost else (a, b)
                if cost[near] != none:
                    queue.append((cost[near] + weight, far, near, span))
        return self._settled(queue, lost, gone, wanted), lost

    def _behind(self, tree: Tree, gone: Spans) -> set[int]:
        """The switches whose path uses some spans."""
        order, place, end = tree.preorder
        behind: set[int] = set()
        for _, a, b, span in self._members(gone):
            for site in (a, b):
                if tree.via[site] == span:
                    behind.update(order[place[site] : end[site]])
        return behind

    def _members(self, spans: Spans) -> Iterator[Edge]:
        while spans:
            rank = spans.bit_length() - 1
            spans ^= 1 << rank
            yield self._ranked[rank]

    def _settled(
        self,
        queue: list[Step],
        waiting: set[int],
        gone: Spans,
        wanted: Collection[int] | None = None,
    ) -> dict[int, Step]:
        """Dijkstra's loop, from the first steps in `queue` to all that are `waiting`."""
        arcs, push, pop = self.arcs, heapq.heappush, heapq.heappop
        heapq.heapify(queue)
        without = {edge[3] for edge in self._members(gone)}
        steps: dict[int, Step] = {}
        missing = len(waiting if wanted is None else waiting.intersection(wanted))
        while queue and missing:
            step = pop(queue)
            cost, site, _, _ = step
            if site in steps:
                continue
            steps[site] = step
            missing -= wanted is None or site in wanted
            for weight, head, span in arcs[site]:
                if head in waiting and head not in steps and span not in without:
                    push(queue, (cost + weight, head, site, span))
        return steps

    def _edges(self, hop: int) -> tuple[Edge, ...]:
        return tuple(
            (
                (self.delay_ns[index] << self._delay_shift) + hop + self.bits[index],
                self.site_index[span.a.switch],
                self.site_index[span.b.switch],
                index,
            )
            for index, span in enumerate(self.spans)
        )

    def _arcs(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        arcs: list[list[tuple[int, int, int]]] = [[] for _ in self.sites]
        for weight, a, b, index in self.edges:
            arcs[a].append((weight, b, index))
            arcs[b].append((weight, a, index))
        return tuple(tuple(sorted(site_arcs)) for site_arcs in arcs)

    def _conduits(self) -> dict[str, Spans]:
        members: dict[str, Spans] = {}
        for index, span in enumerate(self.spans):
            for conduit in span.conduits:
                members[conduit] = members.get(conduit, NO_SPANS) | self.bits[index]
        return members


class Routes:
    """The shortest paths in a graph without the spans that are known to have failed.

    Trees are computed when they are first asked for; with `base`, the routes before
    the failure, only what the failure changed is.
    """

    def __init__(self, graph: Graph, failed: Spans = NO_SPANS, base: Routes | None = None) -> None:
        self.graph = graph
        self.failed = failed
        self._base = base
        self._trees: list[Tree | None] = [None] * len(graph.sites)

    def tree(self, root: int) -> Tree:
        """The paths to and from one switch."""
        known = self._trees[root]
        if known is None:
            known = self._trees[root] = self._computed(root)
        return known

    def _computed(self, root: int) -> Tree:
        if self._base is None:
            return self.graph.tree(root, self.failed)
        return self.graph.pruned(self._base.tree(root), self.failed)

    def cost(self, site: int, root: int) -> int:
        """The cost of the path between two switches; a tree that did not change will do."""
        if self._base is not None:
            before = self._base.tree(root).cost[site]
            if not before & self.failed:
                return before
        return self.tree(root).cost[site]

    def detours(
        self, root: int, avoided: Spans, wanted: Collection[int]
    ) -> tuple[Tree, dict[int, Step]]:
        """The paths from a switch to those `wanted` that avoid more than what has failed.

        Given as a tree, and the last steps of the paths that are not the tree's.
        """
        routes = self if self._base is None else self._base
        tree = routes.tree(root)
        steps, _ = self.graph.detours(tree, self.failed | avoided, wanted)
        return tree, steps

    def delay_ns(self, site: int, root: int) -> int:
        """One-way delay of the path between two switches that are connected."""
        return self.graph.delay_of(self.cost(site, root))


def _metric_us(span: PlannedSpan) -> float:
    """A path must be the best one both ways: of two different delays the mean counts."""
    back_us = span.delay_us if span.delay_back_us is None else span.delay_back_us
    return (span.delay_us + back_us) / 2


def _bits(plan: NetworkPlan) -> tuple[Spans, ...]:
    """A bit for each span; the order of their ids decides between paths that tie."""
    ranks = {span.id: rank for rank, span in enumerate(sorted(plan.spans, key=lambda s: s.id))}
    return tuple(1 << ranks[span.id] for span in plan.spans)
