"""Local repair: what a site does with packets whose next span may have failed.

In the spirit of TI-LFA (RFC 9855). The site that sees its span fail (the point
of local repair) sends the packet along the path that the network would use
without the spans that may have failed with it. The other sites do not know yet,
so the packet carries the stretches of that path on which it must be steered, as
labels. Where the neighbour's own shortest path is safe already, there are none:
that neighbour is a loop-free alternate (RFC 5286).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from controller.graph import Routes, Spans, Tree
from controller.labels import MOST_LABELS
from controller.steering import Segment, Surroundings, cheapest_steering, greedy_segments


class Protection(StrEnum):
    """Against what a repair holds, the strongest first."""

    CONDUIT = "conduit"
    """The span and all spans that share any conduit with it."""
    ONE_CONDUIT = "one-conduit"
    """The span and all spans of one of its several conduits."""
    LINK = "link"
    """The span alone."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Repair:
    """How one site sends packets for one destination when their span has failed.

    exit_span: the span to leave by.
    segments: the steering from the far end of that span, outermost first; may be empty.
    release: the site from which plain forwarding is safe.
    protection: what the repair holds against.
    """

    exit_span: int
    segments: tuple[Segment, ...]
    release: int
    protection: Protection


def next_spans(routes: Routes, site: int, destinations: Iterable[int]) -> dict[int, list[int]]:
    """The destinations that a site reaches over each of its spans."""
    by_span: dict[int, list[int]] = {}
    for destination in destinations:
        span = routes.tree(destination).via[site]
        if span >= 0:
            by_span.setdefault(span, []).append(destination)
    return by_span


def repairs(
    routes: Routes, site: int, span: int, destinations: Iterable[int], wanted: Protection
) -> dict[int, Repair]:
    """A repair for each of the destinations behind one span of a site.

    A destination is missing from the result if no path avoids even the span alone.
    Where the wanted protection has no path, the next weaker one is used.
    """
    found: dict[int, Repair] = {}
    waiting = list(destinations)
    for protection, avoided in _levels(routes, span, wanted):
        without = routes.graph.tree(site, routes.failed | avoided)
        surroundings = Surroundings(routes, avoided)
        for destination in waiting:
            repair = _repair(surroundings, without, destination, protection)
            if repair is not None:
                found[destination] = repair
        waiting = [destination for destination in waiting if destination not in found]
        if not waiting:
            break
    return found


def _levels(routes: Routes, span: int, wanted: Protection) -> Iterator[tuple[Protection, Spans]]:
    alone = frozenset({span})
    groups = routes.graph.risk_groups(span) if wanted is Protection.CONDUIT else []
    together = alone.union(*groups)
    # A span that shares no fate is as well protected as its conduits ask for.
    yield wanted, together
    if len(groups) > 1:
        for group in groups:
            yield Protection.ONE_CONDUIT, alone | group
    if together != alone:
        yield Protection.LINK, alone


def _repair(
    surroundings: Surroundings, without: Tree, destination: int, protection: Protection
) -> Repair | None:
    if not without.reaches(destination):
        return None
    path = [destination, *(without.parent[node] for node, _ in without.walk(destination))][::-1]
    spans = [span for _, span in without.walk(destination)][::-1]
    segments = greedy_segments(surroundings, path[1:], spans[1:])
    if len(segments) > MOST_LABELS:
        return _steered(surroundings, without.root, destination, protection)
    release = segments[-1].target if segments else path[1]
    return Repair(spans[0], segments, release, protection)


def _steered(
    surroundings: Surroundings, site: int, destination: int, protection: Protection
) -> Repair | None:
    """The post-failure path needs too many labels: take the best way that does not."""
    steering = cheapest_steering(surroundings, site, destination)
    if steering is None:
        return None
    return Repair(steering.exit_span, steering.segments, steering.release, protection)
