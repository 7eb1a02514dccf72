"""How a path is written as a stack of labels over forwarding that does not know of a failure.

A segment leads by the shortest path to where a span starts, and over it. The
shortest paths here are those before the failure, so a segment may only use one
that avoids the spans that may have failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.graph import Routes, Spans
from controller.labels import MOST_LABELS


@dataclass(frozen=True, slots=True)
class Segment:
    """One label: from `start` by the shortest path to `edge`, and from there over `span`."""

    start: int
    edge: int
    span: int
    target: int


@dataclass(frozen=True, slots=True)
class Steering:
    """A way around a failure: out over a span, along segments, and on without labels.

    exit_span: the span to leave by. segments: outermost first; may be empty.
    release: the switch from which plain forwarding is safe.
    """

    exit_span: int
    segments: tuple[Segment, ...]
    release: int


@dataclass(frozen=True)
class Surroundings:
    """The forwarding before the failure, and the spans that may have failed."""

    routes: Routes
    avoided: Spans

    def cost(self, start: int, end: int) -> int:
        """The cost of the shortest path between two switches, safe or not."""
        return self.routes.cost(end, start)

    def safe(self, start: int, end: int) -> bool:
        """Whether the shortest path between two switches exists and avoids the spans."""
        return not self.cost(start, end) & self.avoided

    def extended(self, steering: Steering, end: int, parent: int, span: int) -> Steering:
        """The steering for a path that goes on from `parent` over a span to `end`.

        The fewest segments: any part of a stretch that one label covers is covered by one
        label too, so the greedy choice, to steer only where plain forwarding is not safe,
        is the best one.
        """
        if self.safe(steering.release, end):
            return steering
        segment = Segment(steering.release, parent, span, end)
        return Steering(steering.exit_span, (*steering.segments, segment), end)


class SteeredWays:
    """The ways from one switch that at most three labels can describe, cheapest first.

    Needed seldom: where the shortest path around the failure takes more labels.
    """

    def __init__(self, surroundings: Surroundings, site: int) -> None:
        self._surroundings = surroundings
        self._graph = surroundings.routes.graph
        self._gone = surroundings.avoided | surroundings.routes.failed
        layer = dict(self._exits(site))
        self._layers = [layer]
        for _ in range(MOST_LABELS):
            layer = self._longer(layer)
            self._layers.append(layer)

    def cheapest(self, destination: int) -> Steering | None:
        """The way of least delay, then of fewest labels; None if three labels reach nowhere."""
        best: tuple[int, Steering] | None = None
        for layer in self._layers:
            for at, (cost, steering) in layer.items():
                if self._surroundings.safe(at, destination):
                    whole = cost + self._surroundings.cost(at, destination)
                    if best is None or whole < best[0]:
                        best = whole, steering
        return None if best is None else best[1]

    def _exits(self, site: int) -> Iterator[tuple[int, tuple[int, Steering]]]:
        for weight, head, span in reversed(self._graph.arcs[site]):
            if not weight & self._gone:
                yield head, (weight, Steering(span, (), head))

    def _longer(self, layer: dict[int, tuple[int, Steering]]) -> dict[int, tuple[int, Steering]]:
        """One label more. What fewer labels reach as cheaply is left out."""
        best: dict[int, int] = {}
        for shorter in self._layers:
            for at, (cost, _) in shorter.items():
                best[at] = min(cost, best.get(at, cost))
        longer: dict[int, tuple[int, Steering]] = {}
        for at, (cost, steering) in layer.items():
            for edge in range(len(self._graph.sites)):
                if not self._surroundings.safe(at, edge):
                    continue
                reached = cost + self._surroundings.cost(at, edge)
                for weight, head, span in self._graph.arcs[edge]:
                    whole = reached + weight
                    if not weight & self._gone and whole < best.get(head, whole + 1):
                        segments = (*steering.segments, Segment(at, edge, span, head))
                        longer[head] = whole, Steering(steering.exit_span, segments, head)
                        best[head] = whole
        return longer
