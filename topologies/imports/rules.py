"""What is decided about a graph that was found: loops, directions, parts and positions.

Each rule that changes something says so in a note; what cannot be decided is refused.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import networkx as nx

from topologies.imports.graph import Edge, Graph, Node, Point, counted
from topologies.imports.options import ImportOptions
from topologies.imports.positions import (
    KM_PER_DEGREE,
    interpolated,
    is_on_globe,
    made_up,
    on_equator,
)
from topologies.problems import InputError, Problem


@dataclass(frozen=True, slots=True)
class Settled:
    """A graph of which every node has a position, with notes on how it came to be."""

    graph: Graph
    positions: dict[str, Point]
    notes: tuple[str, ...]


def settle(graph: Graph, options: ImportOptions) -> Settled:
    """Apply all rules. Raises InputError where one refuses."""
    _require_content(graph)
    notes = list(graph.notes)
    graph = _without_loops(graph, notes)
    _require_content(graph)
    graph = _without_opposites(graph, notes)
    graph = _without_unplaced(graph, options, notes)
    graph = _connected(graph, options, notes)
    graph, positions = _placed(graph, options, notes)
    return Settled(graph, positions, tuple(notes))


def _require_content(graph: Graph) -> None:
    for what, found in (("nodes", graph.nodes), ("edges", graph.edges)):
        if not found:
            message = f"has no {what}; there is no network to build"
            raise InputError([Problem(graph.place, message)])


def _without_loops(graph: Graph, notes: list[str]) -> Graph:
    loops = [edge for edge in graph.edges if edge.a == edge.b]
    if loops:
        notes.append(f"{_several(loops)} from a node to itself: left out")
    demands = [demand for demand in graph.demands if demand.a != demand.b]
    if len(demands) < len(graph.demands):
        count = counted(len(graph.demands) - len(demands), "demand")
        notes.append(f"{count} from a node to itself: left out")
    return replace(graph, edges=[edge for edge in graph.edges if edge.a != edge.b], demands=demands)


def _without_opposites(graph: Graph, notes: list[str]) -> Graph:
    """In a directed graph, each edge back is the other direction of an edge there."""
    if not graph.directed:
        return graph
    waiting: dict[tuple[str, str], list[int]] = defaultdict(list)
    kept: list[Edge] = []
    differing = 0
    for edge in graph.edges:
        if back := waiting[edge.b, edge.a]:
            index = back.pop(0)
            there = kept[index]
            differing += (there.length_km, there.rate_gbps) != (edge.length_km, edge.rate_gbps)
            if there.delay_us is not None and edge.delay_us not in (None, there.delay_us):
                kept[index] = replace(there, delay_back_us=edge.delay_us)
        else:
            waiting[edge.a, edge.b].append(len(kept))
            kept.append(edge)
    edges, spans = counted(len(graph.edges), "edge"), counted(len(kept), "span")
    told = f"a directed graph: {edges} make {spans} of two directions"
    if differing:
        told += f"; {counted(differing, 'edge')} back with another length or rate: not used"
    notes.append(told)
    return replace(graph, edges=kept)


def _without_unplaced(graph: Graph, options: ImportOptions, notes: list[str]) -> Graph:
    """Leave out, or refuse, nodes without coordinates where others have some."""
    missing = [node for node in graph.nodes if node.position is None]
    if not missing or len(missing) == len(graph.nodes):
        return graph
    if options.missing_positions == "refuse":
        raise InputError(
            Problem(
                f"{graph.place}: {node.place}",
                "has no coordinates; give it some, or choose another --missing",
            )
            for node in missing
        )
    dropped = [node for node in missing if _is_dropped(node, graph, options)]
    if not dropped:
        return graph
    ids = {node.id for node in dropped}
    edges = [edge for edge in graph.edges if edge.a not in ids and edge.b not in ids]
    kinds = "external nodes" if all(node.external for node in dropped) else "nodes"
    notes.append(
        f"{_several(dropped, kinds)} without coordinates: left out, "
        f"with {counted(len(graph.edges) - len(edges), 'edge')}"
    )
    return _restricted(graph, {node.id for node in graph.nodes} - ids)


def _is_dropped(node: Node, graph: Graph, options: ImportOptions) -> bool:
    if options.missing_positions == "drop":
        return True
    return options.missing_positions == "auto" and node.external and not _all_measured(graph)


def _all_measured(graph: Graph) -> bool:
    return all(edge.is_measured for edge in graph.edges)


def _restricted(graph: Graph, kept: set[str]) -> Graph:
    restricted = replace(
        graph,
        nodes=[node for node in graph.nodes if node.id in kept],
        edges=[edge for edge in graph.edges if edge.a in kept and edge.b in kept],
        demands=[demand for demand in graph.demands if demand.a in kept and demand.b in kept],
    )
    _require_content(restricted)
    return restricted


def _connected(graph: Graph, options: ImportOptions, notes: list[str]) -> Graph:
    links: nx.Graph[str] = nx.Graph()
    links.add_nodes_from(node.id for node in graph.nodes)
    links.add_edges_from((edge.a, edge.b) for edge in graph.edges)
    parts = sorted(nx.connected_components(links), key=len, reverse=True)
    if len(parts) == 1:
        return graph
    rest = [node for node in graph.nodes if node.id not in parts[0]]
    if options.parts == "refuse":
        sizes = ", ".join(str(len(part)) for part in parts[:6]) + (", …" if len(parts) > 6 else "")
        message = (
            f"is {len(parts)} separate networks (of {sizes} nodes); "
            f"apart from the largest {'is' if len(rest) == 1 else 'are'} {_several(rest)}; "
            "join them, or choose fibercut topology … --parts largest"
        )
        raise InputError([Problem(graph.place, message)])
    notes.append(f"{_several(rest)} apart from the largest part: left out")
    return _restricted(graph, set(parts[0]))


def _placed(
    graph: Graph, options: ImportOptions, notes: list[str]
) -> tuple[Graph, dict[str, Point]]:
    known = {node.id: node.position for node in graph.nodes if node.position is not None}
    drawn = {node.id: node.drawn_at for node in graph.nodes if node.drawn_at is not None}
    if not known and graph.drawn_on_globe and all(is_on_globe(point) for point in drawn.values()):
        known = drawn
        notes.append("coordinates are taken as longitude and latitude; the file does not say so")
    if known:
        return graph, _completed(graph, known, notes)
    if options.km_per_unit is not None and len(drawn) == len(graph.nodes):
        return _measured_on_drawing(graph, drawn, options, notes)
    if _all_measured(graph):
        return graph, _invented(graph, drawn, notes)
    raise InputError([Problem(graph.place, _why_unplaced(graph, drawn))])


def _completed(graph: Graph, known: dict[str, Point], notes: list[str]) -> dict[str, Point]:
    found = interpolated(known, graph.edges)
    if found:
        nodes = [node for node in graph.nodes if node.id in found]
        notes.append(f"{_several(nodes)} without coordinates: placed between the neighbours")
    return known | found


def _measured_on_drawing(
    graph: Graph, drawn: dict[str, Point], options: ImportOptions, notes: list[str]
) -> tuple[Graph, dict[str, Point]]:
    """Lengths from a drawing whose scale the user declared."""
    scale = options.km_per_unit or 1.0
    notes.append(
        f"coordinates of a drawing, {scale:g} km for each unit; its place on the globe is made up"
    )
    edges = [
        edge if edge.delay_us is not None
        else replace(
            edge, length_km=scale * options.route_factor * math.dist(drawn[edge.a], drawn[edge.b])
        )
        for edge in graph.edges
    ]  # fmt: skip
    positions = on_equator(_upright(graph, drawn), scale / KM_PER_DEGREE)
    if not all(is_on_globe(point) for point in positions.values()):
        message = f"{scale:g} km for each unit makes this drawing larger than the Earth"
        raise InputError([Problem(graph.place, message)])
    return replace(graph, edges=edges), positions


def _upright(graph: Graph, drawn: dict[str, Point]) -> dict[str, Point]:
    return {node: (x, -y) for node, (x, y) in drawn.items()} if graph.y_points_down else drawn


def _invented(graph: Graph, drawn: dict[str, Point], notes: list[str]) -> dict[str, Point]:
    """Delays are known without coordinates; a map needs some."""
    if len(drawn) == len(graph.nodes):
        notes.append(
            "no coordinates on the globe: the map is the drawing's; lengths are the file's"
        )
        return on_equator(_upright(graph, drawn), None)
    lengths: nx.Graph[str] = nx.Graph()
    lengths.add_nodes_from(node.id for node in graph.nodes)
    for edge in graph.edges:
        known = edge.length_km if edge.length_km is not None else (edge.delay_us or 0.0) / 5
        before = lengths.get_edge_data(edge.a, edge.b, {"length": math.inf})["length"]
        lengths.add_edge(edge.a, edge.b, length=min(before, known))
    notes.append("no coordinates: the map is made up from the lengths, which are the file's")
    return made_up([node.id for node in graph.nodes], lengths)


def _why_unplaced(graph: Graph, drawn: dict[str, Point]) -> str:
    unmeasured = [edge for edge in graph.edges if not edge.is_measured]
    if drawn:
        first = next(node for node in graph.nodes if node.id in drawn)
        x, y = drawn[first.id]
        return (
            f"{first.place} stands at {x:g}, {y:g}: coordinates of a drawing, not degrees; "
            "choose another network, or declare its scale (fibercut topology … --km-per-unit)"
        )
    return (
        f"no node has coordinates, and {len(unmeasured)} of {len(graph.edges)} edges have no "
        "length or delay; add Longitude and Latitude to nodes, or length_km to edges"
    )


def _several(found: Sequence[Node] | Sequence[Edge], kinds: str = "") -> str:
    """`node 'Kiev' (id 3) and 4 more`."""
    first = found[0].place
    if not kinds or len(found) == 1:
        return first + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    return f"{len(found)} {kinds} ({first}, …)"
