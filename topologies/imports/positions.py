"""Where nodes stand: on the globe, between their neighbours, on a drawing, or made up.

Positions are longitude and latitude in degrees. Averages are taken of unit vectors, so that a
node between Tokyo and Seattle comes to stand in the Pacific and not in Africa.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topologies.imports.graph import Edge, Point

KM_PER_DEGREE = 111.195  # of a great circle on a sphere of the Earth's mean radius
_LANDMARKS = 64
_FLAT = 1e-9
# A made-up or drawn map keeps away from the poles, where a degree of longitude is nothing.
_FARTHEST_DEGREES = 60.0
_FARTHEST_KM = _FARTHEST_DEGREES * KM_PER_DEGREE / 2

_Vectors = NDArray[np.float64]


def is_on_globe(point: Point) -> bool:
    """Whether a point can be a longitude and a latitude."""
    return -180 <= point[0] <= 180 and -90 <= point[1] <= 90


def interpolated(known: Mapping[str, Point], edges: Iterable[Edge]) -> dict[str, Point]:
    """A position for each other node of a connected graph: its neighbours' middle.

    All are found together: each stands at the mean of its neighbours, found ones included.
    """
    graph: nx.Graph[str] = nx.Graph((edge.a, edge.b) for edge in edges)
    unknown = [node for node in graph if node not in known]
    if not unknown:
        return {}
    index = {node: row for row, node in enumerate(unknown)}
    matrix = np.zeros((len(unknown), len(unknown)))
    sums = np.zeros((len(unknown), 3))
    for node, row in index.items():
        matrix[row, row] = graph.degree(node)
        for neighbour in graph[node]:
            if neighbour in index:
                matrix[row, index[neighbour]] -= 1
            else:
                sums[row] += _vector(known[neighbour])
    solved = np.linalg.solve(matrix, sums)
    return {node: _point(solved[row]) for node, row in index.items()}


def _vector(point: Point) -> _Vectors:
    lon, lat = math.radians(point[0]), math.radians(point[1])
    return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])


def _point(vector: _Vectors) -> Point:
    x, y, z = (float(part) for part in vector)
    lat = math.degrees(math.atan2(z, math.hypot(x, y)))
    return round(math.degrees(math.atan2(y, x)), 4), round(lat, 4)


def on_equator(points: Mapping[str, Point], degrees_per_unit: float | None) -> dict[str, Point]:
    """A drawing laid onto the globe around 0° N 0° E.

    Without degrees_per_unit it fills what is sensible; distances on it then mean nothing.
    """
    array = np.array([points[node] for node in points])
    middle = (array.max(axis=0) + array.min(axis=0)) / 2
    reach = float(np.abs(array - middle).max()) or 1.0
    scale = degrees_per_unit or _FARTHEST_DEGREES / reach
    placed = (array - middle) * scale
    return {
        node: (round(float(row[0]), 6), round(float(row[1]), 6))
        for node, row in zip(points, placed, strict=True)
    }


def made_up(nodes: Sequence[str], lengths: nx.Graph[Any]) -> dict[str, Point]:
    """A map of a connected graph from its edges' `length` in km alone.

    Landmark multidimensional scaling (de Silva and Tenenbaum, 2004): distances on the plane
    come near those of the shortest ways. The same graph gives the same map.
    """
    squares = _squared_distances(nodes, lengths)
    count = len(squares)
    chosen = [int(row.argmin()) for row in squares]
    between = squares[:, chosen]
    centre = np.eye(count) - np.full((count, count), 1 / count)
    values, vectors = np.linalg.eigh(-centre @ between @ centre / 2)
    axes = []
    for column in (-1, -2):
        value, vector = float(values[column]), vectors[:, column]
        if value <= _FLAT * float(values[-1]):  # all on a line, or in one point
            axes.append(np.zeros(count))
            continue
        sign = 1.0 if vector[np.abs(vector).argmax()] > 0 else -1.0
        axes.append(sign * vector / math.sqrt(value))
    plane = -np.array(axes) @ (squares - between.mean(axis=1, keepdims=True)) / 2
    points = {node: (float(plane[0, i]), float(plane[1, i])) for i, node in enumerate(nodes)}
    reach_km = float(np.abs(plane).max())
    return on_equator(points, 1 / KM_PER_DEGREE if reach_km < _FARTHEST_KM else None)


def _squared_distances(nodes: Sequence[str], lengths: nx.Graph[Any]) -> _Vectors:
    """From each landmark (the farthest from those before it) to all nodes, squared."""
    rows: list[_Vectors] = []
    landmark = nodes[0]
    for _ in range(min(_LANDMARKS, len(nodes))):
        found = nx.single_source_dijkstra_path_length(lengths, landmark, weight="length")
        rows.append(np.array([found[node] for node in nodes], dtype=float))
        landmark = nodes[int(np.array(rows).min(axis=0).argmax())]
    return np.array(rows) ** 2
