"""Two paths between two switches that share as little as the graph allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import networkx as nx

from controller.graph import Routes, Spans

Path = tuple[tuple[int, int], ...]
"""(switch, span taken from there), from the first switch to the last but one."""


_Node = tuple[int, str]
_Units = dict[_Node, dict[_Node, dict[int, int]]]


class Disjointness(StrEnum):
    """What two paths do not share."""

    NODES = "nodes"
    SPANS = "spans"
    NOTHING = "nothing"
    """There is one path only."""


@dataclass(frozen=True, slots=True)
class PathPair:
    """A working path and, if there is one, another to switch over to."""

    working: Path
    backup: Path
    disjointness: Disjointness

    @property
    def paths(self) -> tuple[Path, ...]:
        """Those that there are, the working one first."""
        return (self.working, self.backup) if self.backup else (self.working,)


def path_pair(routes: Routes, start: int, end: int) -> PathPair | None:
    """The best pair of paths between two switches; None if there is no path at all.

    The working path is the shortest one wherever that leaves a disjoint path beside it;
    in a «trap» graph, where only two longer paths are disjoint, the pair of least delay.
    """
    if not routes.tree(end).reaches(start):
        return None
    graph = routes.graph
    working = tuple(routes.tree(end).walk(start))
    used = graph.set_of(span for _, span in working)
    inner = used
    for site, _ in working[1:]:
        inner |= graph.at_site[site]
    for avoided, disjointness in ((inner, Disjointness.NODES), (used, Disjointness.SPANS)):
        backup = _around(routes, start, end, avoided)
        if backup:
            return PathPair(working, backup, disjointness)
        pair = _cheapest_pair(routes, start, end, split=disjointness is Disjointness.NODES)
        if pair is not None:
            return PathPair(*pair, disjointness)
    return PathPair(working, (), Disjointness.NOTHING)


def _around(routes: Routes, start: int, end: int, avoided: Spans) -> Path:
    """The shortest path that avoids some spans; empty if there is none."""
    tree, steps = routes.detours(end, avoided, (start,))
    gone = routes.failed | avoided
    path = []
    at = start
    while at != end:
        if at in steps:
            _, _, parent, span = steps[at]
        elif not tree.cost[at] & gone:
            parent, span = tree.parent[at], tree.via[at]
        else:
            return ()
        path.append((at, span))
        at = parent
    return tuple(path)


def _cheapest_pair(routes: Routes, start: int, end: int, split: bool) -> tuple[Path, Path] | None:
    """Two disjoint paths of least delay together (Suurballe 1974), as a flow of two units.

    split: they share no switch either.
    """
    flow = _flow_graph(routes, start, end, split)
    try:
        _, units = nx.network_simplex(flow)
    except nx.NetworkXUnfeasible:
        return None
    first, second = (_drawn(units, start, end) for _ in range(2))
    costs = [sum(routes.graph.delay_ns[span] for _, span in path) for path in (first, second)]
    return (first, second) if costs[0] <= costs[1] else (second, first)


def _flow_graph(routes: Routes, start: int, end: int, split: bool) -> nx.MultiDiGraph[_Node]:
    graph = routes.graph
    flow: nx.MultiDiGraph[_Node] = nx.MultiDiGraph()
    for site in range(len(graph.sites)):
        ends = site in (start, end)
        through = 2 if ends or not split else 1
        flow.add_edge((site, "in"), (site, "out"), key=-1, capacity=through, weight=0)
    flow.nodes[start, "in"]["demand"] = -2
    flow.nodes[end, "out"]["demand"] = 2
    for site, arcs in enumerate(graph.arcs):
        for weight, head, span in arcs:
            if not weight & routes.failed:
                delay_ns = graph.delay_ns[span] + 1
                flow.add_edge((site, "out"), (head, "in"), key=span, capacity=1, weight=delay_ns)
    return flow


def _drawn(units: _Units, start: int, end: int) -> Path:
    """One unit's path, taken out of the flow."""
    path = []
    at = start
    while at != end:
        out = units[at, "out"]
        (head, _), span = next(
            (to, span) for to, spans in out.items() for span, flow in spans.items() if flow
        )
        out[head, "in"][span] -= 1
        path.append((at, span))
        at = head
    return tuple(path)
