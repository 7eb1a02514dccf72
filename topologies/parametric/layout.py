"""A graph drawn on a plane: what each parametric family makes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Nodes by name with their place, and the links between them.

    bare: the nodes that carry no hosts (spines, aggregation, core).
    hosts: how many hosts each other node carries, unless the user says.
    metric: whether places are km, so that links have the length of their drawing;
        otherwise every link has the same length.
    """

    places: dict[str, Point]
    links: tuple[tuple[str, str], ...]
    bare: frozenset[str] = frozenset()
    hosts: int = 1
    metric: bool = False

    def distance(self, a: str, b: str) -> float:
        """Between two nodes, in the drawing's units."""
        return math.dist(self.places[a], self.places[b])


def on_circle(
    names: Sequence[str], radius: float | None = None, turn: float = 0.0
) -> dict[str, Point]:
    """Names around the origin, one unit apart unless a radius is given, from the top on."""
    count = len(names)
    if radius is None:
        radius = 0.5 / math.sin(math.pi / count) if count > 1 else 0.0
    angles = (math.pi / 2 - 2 * math.pi * (index + turn) / count for index in range(count))
    return {
        name: (radius * math.cos(angle), radius * math.sin(angle))
        for name, angle in zip(names, angles, strict=True)
    }


def in_row(names: Sequence[str], y: float, width: float) -> dict[str, Point]:
    """Names in one row, evenly, centred on x = 0."""
    step = width / len(names)
    left = -width / 2 + step / 2
    return {name: (left + index * step, y) for index, name in enumerate(names)}


def numbered(prefix: str, count: int) -> list[str]:
    """`prefix1`, `prefix2` and so on."""
    return [f"{prefix}{number}" for number in range(1, count + 1)]


def all_pairs(lower: Iterable[str], upper: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each of the one with each of the other."""
    above = list(upper)
    return ((a, b) for a in lower for b in above)
