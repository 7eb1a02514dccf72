"""A graph as it was found in a file, before anything is decided about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from topologies.problems import shown

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Node:
    """A node with what its file says of it; `id` is the file's own."""

    id: str
    name: str
    position: Point | None = None
    """Longitude and latitude in degrees, on the globe."""
    drawn_at: Point | None = None
    """Where it stands on a drawing, x and y, in the drawing's units."""
    region: str = ""
    external: bool = False
    """It belongs to somebody else's network (Topology Zoo's `Internal 0`)."""

    @property
    def place(self) -> str:
        """The node as it is named in messages."""
        return f"node {shown(self.name)}" + (f" (id {self.id})" if self.id != self.name else "")


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between two nodes' ids, with what its file says of it."""

    a: str
    b: str
    place: str
    """The edge as it is named in messages."""
    length_km: float | None = None
    delay_us: float | None = None
    delay_back_us: float | None = None
    """From b to a, where it is another."""
    rate_gbps: float | None = None

    @property
    def is_measured(self) -> bool:
        """Its delay is known without its ends' coordinates."""
        return self.length_km is not None or self.delay_us is not None


def counted(count: int, what: str) -> str:
    """`1 edge`, `2 edges`."""
    return f"{count} {what}" + ("" if count == 1 else "s")


@dataclass(frozen=True, slots=True)
class FoundDemand:
    """What node `a` sends to node `b`, in Gbit/s."""

    a: str
    b: str
    rate_gbps: float


@dataclass(frozen=True, slots=True)
class Graph:
    """A network as found; `place` names its file or key in messages."""

    place: str
    name: str
    source: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    demands: Sequence[FoundDemand] = ()
    directed: bool = False
    """Each edge is one direction, so that two opposite ones are one span."""
    drawn_on_globe: bool = False
    """`drawn_at` is longitude and latitude, if all of it fits on the globe."""
    y_points_down: bool = False
    """`drawn_at` has its origin at the upper left, as on a screen."""
    notes: Sequence[str] = field(default=())
    """What the reader had to assume or leave out."""
