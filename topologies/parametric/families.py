"""The parametric families: each with its parameters, and the graph that they give.

What is known of each graph (nodes, links, diameter) stands in docs/catalogue/parametric.md
and is checked in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import networkx as nx

from topologies.parametric.gabriel import gabriel_layout
from topologies.parametric.layout import Layout, all_pairs, in_row, numbered, on_circle

MOST_NODES = 2000
Values = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A whole number that shapes the graph; without a default it must be given."""

    name: str
    meaning: str
    least: int
    most: int = MOST_NODES
    default: int | None = None
    even: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of graph. `example` is a name that works."""

    name: str
    summary: str
    example: str
    parameters: tuple[Parameter, ...]
    nodes: Callable[[Values], int]
    layout: Callable[[Values], Layout]


def _named(graph: nx.Graph[int], places: dict[str, tuple[float, float]]) -> Layout:
    """A networkx graph over 0, 1, … with the names of the places, in their order."""
    names = list(places)
    return Layout(places, tuple((names[a], names[b]) for a, b in graph.edges))


def _line(values: Values) -> Layout:
    names = numbered("n", values["n"])
    return _named(nx.path_graph(len(names)), in_row(names, 0.0, len(names)))


def _ring(values: Values) -> Layout:
    names = numbered("n", values["n"])
    return _named(nx.cycle_graph(len(names)), on_circle(names))


def _ladder(values: Values) -> Layout:
    rungs = values["n"]
    places = in_row(numbered("a", rungs), 0.5, rungs) | in_row(numbered("b", rungs), -0.5, rungs)
    return _named(nx.ladder_graph(rungs), places)


def _grid(values: Values, *, periodic: bool = False) -> Layout:
    rows, columns = values["rows"], values["columns"]
    graph = nx.grid_2d_graph(rows, columns, periodic=periodic)
    names = {(row, column): f"r{row + 1}c{column + 1}" for row, column in graph}
    places = {
        name: (column - (columns - 1) / 2, (rows - 1) / 2 - row)
        for (row, column), name in names.items()
    }
    return Layout(places, tuple((names[a], names[b]) for a, b in graph.edges))


def _torus(values: Values) -> Layout:
    return _grid(values, periodic=True)


def _full_mesh(values: Values) -> Layout:
    names = numbered("n", values["n"])
    return _named(nx.complete_graph(len(names)), on_circle(names))


def _leaf_spine(values: Values) -> Layout:
    leaves, spines = numbered("leaf", values["leaves"]), numbered("spine", values["spines"])
    width = max(len(leaves), len(spines))
    places = in_row(leaves, 0.0, width) | in_row(spines, width / 3, width)
    return Layout(places, tuple(all_pairs(leaves, spines)), bare=frozenset(spines))


def _fat_tree(values: Values) -> Layout:
    """Al-Fares et al., «A scalable, commodity data center network architecture», 2008."""
    k = values["k"]
    half, width = k // 2, k * k / 2
    core = numbered("core", half * half)
    edges: list[str] = []
    aggregations: list[str] = []
    links: list[tuple[str, str]] = []
    for pod in range(1, k + 1):
        edge, aggregation = numbered(f"p{pod}-edge", half), numbered(f"p{pod}-agg", half)
        links += all_pairs(edge, aggregation)
        for index, switch in enumerate(aggregation):
            links += [(switch, above) for above in core[index * half : (index + 1) * half]]
        edges += edge
        aggregations += aggregation
    height = width / 4
    places = in_row(edges, 0.0, width) | in_row(aggregations, height, width)
    places |= in_row(core, 2 * height, width)
    return Layout(places, tuple(links), bare=frozenset([*aggregations, *core]), hosts=half)


def _dragonfly(values: Values) -> Layout:
    """Kim et al., «Technology-driven, highly-scalable dragonfly topology», 2008.

    a·h + 1 groups of `a` routers, each with `h` links to other groups: one between any two groups.
    """
    a, h = values["a"], values["h"]
    groups = a * h + 1
    routers = [[f"g{group + 1}-r{router + 1}" for router in range(a)] for group in range(groups)]
    links = [
        (group[one], group[two])
        for group in routers
        for one in range(a)
        for two in range(one + 1, a)
    ]
    for first in range(groups):
        for second in range(first + 1, groups):
            # The port that leads `distance` groups on, and at the other end the way back.
            on, back = second - first - 1, groups - (second - first) - 1
            links.append((routers[first][on // h], routers[second][back // h]))
    centres = on_circle([str(group) for group in range(groups)], radius=max(1.0, groups * a / 5))
    places = {
        name: (centre[0] + x, centre[1] + y)
        for group, centre in zip(routers, centres.values(), strict=True)
        for name, (x, y) in on_circle(group).items()
    }
    return Layout(places, tuple(links), hosts=values["p"])


def _gabriel(values: Values) -> Layout:
    return gabriel_layout(values["n"], values["seed"])


_N = "nodes"
_FAMILIES = (
    Family("line", "nodes in a row", "line:5", (Parameter("n", _N, 2),), lambda v: v["n"], _line),
    Family("ring", "nodes in a circle", "ring:8", (Parameter("n", _N, 3),), lambda v: v["n"],
           _ring),
    Family("ladder", "two lines with rungs between them", "ladder:6",
           (Parameter("n", "rungs", 2),), lambda v: 2 * v["n"], _ladder),
    Family("grid", "rows and columns", "grid:4x5",
           (Parameter("rows", "rows", 1), Parameter("columns", "columns", 2)),
           lambda v: v["rows"] * v["columns"], _grid),
    Family("torus", "a grid whose rows and columns close to rings", "torus:4x4",
           (Parameter("rows", "rows", 3), Parameter("columns", "columns", 3)),
           lambda v: v["rows"] * v["columns"], _torus),
    Family("full-mesh", "a span between any two nodes", "full-mesh:6",
           (Parameter("n", _N, 2, most=100),), lambda v: v["n"], _full_mesh),
    Family("leaf-spine", "two tiers, every leaf with every spine", "leaf-spine:8x4",
           (Parameter("leaves", "leaves, which carry the hosts", 1, most=200),
            Parameter("spines", "spines", 1, most=100)),
           lambda v: v["leaves"] + v["spines"], _leaf_spine),
    Family("fat-tree", "three tiers of switches with k ports", "fat-tree:4",
           (Parameter("k", "ports of each switch, and pods", 2, most=28, even=True),),
           lambda v: 5 * v["k"] ** 2 // 4, _fat_tree),
    Family("dragonfly", "groups of routers, one span between any two groups",
           "dragonfly:a=4,h=2,p=2",
           (Parameter("a", "routers of a group", 1, most=100),
            Parameter("h", "spans of each router to other groups", 1, most=100, default=1),
            Parameter("p", "hosts of each router", 0, most=250, default=1)),
           lambda v: v["a"] * (v["a"] * v["h"] + 1), _dragonfly),
    Family("gabriel", "random places, neighbours joined as in a road map", "gabriel:n=50,seed=3",
           (Parameter("n", _N, 2, most=1000),
            Parameter("seed", "of the places", 0, 2**31, default=1)),
           lambda v: v["n"], _gabriel),
)  # fmt: skip
FAMILIES: Mapping[str, Family] = {family.name: family for family in _FAMILIES}
