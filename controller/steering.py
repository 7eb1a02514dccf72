"""How a path is written as a stack of labels over forwarding that does not know of a failure.

A segment leads by the shortest path to where a span starts, and over it. The
shortest paths here are those before the failure, so a segment may only use one
that avoids the spans that may have failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from controller.graph import Routes, Spans
from controller.labels import MOST_LABELS


@dataclass(frozen=True, slots=True)
class Segment:
    """One label: from `start` by the shortest path to `edge`, and from there over `span`."""

    start: int
    edge: int
    span: int
    target: int


@dataclass(frozen=True)
class Surroundings:
    """The forwarding before the failure, and the spans that may have failed."""

    routes: Routes
    avoided: Spans
    _safe: dict[int, list[bool]] = field(default_factory=dict, compare=False, repr=False)

    def safe_from(self, site: int) -> list[bool]:
        """For each other site, whether the shortest path between the two avoids the spans.

        The paths are the same both ways, so one tree answers for all.
        """
        if site not in self._safe:
            self._safe[site] = self.routes.tree(site).avoiding(self.avoided)
        return self._safe[site]


def greedy_segments(
    surroundings: Surroundings, path: Sequence[int], spans: Sequence[int]
) -> tuple[Segment, ...]:
    """The fewest segments that lead along `path`; `spans` are the spans between its sites.

    Behind the last one plain forwarding is safe. The greedy choice is the best one:
    any part of a stretch that one label covers is covered by one label too.
    """
    segments: list[Segment] = []
    at, last = 0, len(path) - 1
    while True:
        safe = surroundings.safe_from(path[at])
        if safe[path[last]]:
            return tuple(segments)
        farthest = at
        while safe[path[farthest + 1]]:
            farthest += 1
        segments.append(Segment(path[at], path[farthest], spans[farthest], path[farthest + 1]))
        at = farthest + 1


@dataclass(frozen=True, slots=True)
class Steering:
    """A way that needs few enough labels, with what it costs."""

    delay_ns: int
    exit_span: int
    segments: tuple[Segment, ...]
    release: int


def cheapest_steering(surroundings: Surroundings, site: int, destination: int) -> Steering | None:
    """The way of least delay that at most three labels can describe, None if there is none.

    Needed seldom: where the shortest path around the failure takes more labels.
    """
    candidates: list[Steering] = []
    layer = _exits(surroundings, site)
    for labels in range(MOST_LABELS + 1):
        for at, steering in layer.items():
            if surroundings.safe_from(at)[destination]:
                rest_ns = surroundings.routes.delay_ns(destination, at)
                candidates.append(_longer(steering, rest_ns, ()))
        if labels < MOST_LABELS:
            layer = _extended(surroundings, layer)
    return min(candidates, key=_preference, default=None)


def _exits(surroundings: Surroundings, site: int) -> dict[int, Steering]:
    graph = surroundings.routes.graph
    exits: dict[int, Steering] = {}
    for span, head in _usable(surroundings, site):
        _keep(exits, Steering(graph.delay_ns[span], span, (), head))
    return exits


def _extended(surroundings: Surroundings, layer: dict[int, Steering]) -> dict[int, Steering]:
    routes = surroundings.routes
    longer: dict[int, Steering] = {}
    for at, steering in layer.items():
        safe = surroundings.safe_from(at)
        for edge in (site for site in routes.tree(at).order if safe[site]):
            reached_ns = routes.delay_ns(edge, at)
            for span, head in _usable(surroundings, edge):
                delay_ns = reached_ns + routes.graph.delay_ns[span]
                _keep(longer, _longer(steering, delay_ns, (Segment(at, edge, span, head),)))
    return longer


def _usable(surroundings: Surroundings, site: int) -> Iterator[tuple[int, int]]:
    gone = surroundings.avoided | surroundings.routes.failed
    for _, head, span in surroundings.routes.graph.arcs[site]:
        if span not in gone:
            yield span, head


def _longer(steering: Steering, delay_ns: int, segments: tuple[Segment, ...]) -> Steering:
    release = segments[-1].target if segments else steering.release
    return Steering(
        steering.delay_ns + delay_ns, steering.exit_span, steering.segments + segments, release
    )


def _keep(layer: dict[int, Steering], steering: Steering) -> None:
    known = layer.get(steering.release)
    if known is None or _preference(steering) < _preference(known):
        layer[steering.release] = steering


def _preference(steering: Steering) -> tuple[int, int, int, tuple[tuple[int, int], ...]]:
    ways = tuple((segment.edge, segment.span) for segment in steering.segments)
    return steering.delay_ns, len(steering.segments), steering.exit_span, ways
