"""Local repair: what a switch does with packets whose next span may have failed.

In the spirit of TI-LFA (RFC 9855). The switch that sees its span fail (the point
of local repair) sends the packet along the path that the network would use
without what may have failed with it. The other switches do not know yet, so the
packet carries the stretches of that path on which it must be steered, as labels.
Where the neighbour's own shortest path is safe already, there are none: that
neighbour is a loop-free alternate (RFC 5286).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from controller.graph import Graph, Routes, Spans
from controller.labels import MOST_LABELS
from controller.steering import Segment, SteeredWays, Steering, Surroundings


class Protection(StrEnum):
    """Against what a repair holds, the strongest first."""

    NODE_AND_CONDUIT = "node-and-conduit"
    """The next switch with all its spans, and all spans that share a conduit with the failed."""
    CONDUIT = "conduit"
    """The span and all spans that share any conduit with it."""
    NODE = "node"
    """The next switch with all its spans."""
    ONE_CONDUIT = "one-conduit"
    """The span and all spans of one of its several conduits."""
    LINK = "link"
    """The span alone."""
    NONE = "none"


_OF_NODES = (Protection.NODE_AND_CONDUIT, Protection.NODE)
_ALL_SPANS: Spans = -1
_OF_CONDUITS = (Protection.NODE_AND_CONDUIT, Protection.CONDUIT)


@dataclass(frozen=True, slots=True)
class Repair:
    """How one switch sends packets for one destination when their span has failed.

    steering: the span to leave by, and the labels.
    protection: what the repair holds against. avoided: the spans that may have failed then.
    decided_by: the spans that the steering hangs on: those that the packet is led over until
    its release, and those for which it was not released before.
    plain: the spans that it takes from there.
    """

    steering: Steering
    protection: Protection
    avoided: Spans
    decided_by: Spans
    plain: Spans

    def relies_on(self, spans: Spans) -> bool:
        """Whether the failure of some spans can change it."""
        return bool((self.decided_by | self.plain) & spans)

    def still_right(self, routes: Routes, destination: int) -> bool:
        """Whether it leads around what it avoids over other routes, too.

        It need not be the shortest way any more.
        """
        if self.decided_by & routes.failed:
            return False
        return not routes.cost(self.release, destination) & (self.avoided | routes.failed)

    @property
    def exit_span(self) -> int:
        """The span to leave by."""
        return self.steering.exit_span

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The steering from the far end of that span, outermost first; may be empty."""
        return self.steering.segments

    @property
    def release(self) -> int:
        """The switch from which plain forwarding is safe."""
        return self.steering.release


def next_spans(routes: Routes, site: int, destinations: Collection[int]) -> dict[int, list[int]]:
    """The destinations that a switch reaches over each of its spans."""
    by_span: dict[int, list[int]] = {}
    for destination in destinations:
        span = routes.tree(destination).via[site]
        if span >= 0:
            by_span.setdefault(span, []).append(destination)
    return by_span


def repairs(
    routes: Routes, site: int, span: int, destinations: Collection[int], wanted: Protection
) -> dict[int, Repair]:
    """A repair for each of the destinations behind one span of a switch.

    A destination is missing from the result if no path avoids even the span alone.
    Where the wanted protection has no path, the next weaker one is used. The next switch
    itself, as a destination, is protected against all but its own failure.
    """
    next_switch = routes.graph.other_end(span, site)
    found: dict[int, Repair] = {}
    for part in (
        [destination for destination in destinations if destination != next_switch],
        [destination for destination in destinations if destination == next_switch],
    ):
        waiting = part
        for protection, avoided in _levels(routes.graph, span, next_switch, wanted, part):
            if not waiting:
                break
            found |= _repairs_avoiding(routes, site, waiting, protection, avoided)
            waiting = [destination for destination in waiting if destination not in found]
    return found


def _levels(
    graph: Graph, span: int, next_switch: int, wanted: Protection, destinations: Collection[int]
) -> Iterator[tuple[Protection, Spans]]:
    """What to avoid, the strongest protection first; nothing twice.

    A conduit comes before a node: cables are dug up more often than a site is lost.
    """
    alone = graph.bits[span]
    groups = graph.risk_groups(span) if wanted in _OF_CONDUITS else []
    together = alone
    for group in groups:
        together |= group
    node = graph.at_site[next_switch] if wanted in _OF_NODES else alone
    if next_switch in destinations:
        node = alone
    # A span that shares no fate is as well protected as its conduits ask for.
    levels = [(wanted, together | node)]
    if together != alone:
        levels.append((Protection.CONDUIT, together))
    if node != alone:
        levels.append((Protection.NODE, node))
    levels += [(Protection.ONE_CONDUIT, alone | group) for group in groups]
    levels.append((Protection.LINK, alone))
    tried: set[Spans] = set()
    for protection, avoided in levels:
        if avoided not in tried:
            tried.add(avoided)
            yield protection, avoided


def _repairs_avoiding(
    routes: Routes,
    site: int,
    destinations: Collection[int],
    protection: Protection,
    avoided: Spans,
) -> dict[int, Repair]:
    """The repairs along the shortest paths that avoid some spans, where there are any."""
    detoured = _Detoured(routes, site, avoided, set(destinations))
    steered: SteeredWays | None = None
    found: dict[int, Repair] = {}
    for destination in destinations:
        if destination not in detoured.steps:
            continue
        steering, decided_by = detoured.way(destination)
        if len(steering.segments) > MOST_LABELS:
            steered = steered or SteeredWays(detoured.surroundings, site)
            cheapest = steered.cheapest(destination)
            if cheapest is None:
                continue
            # It was chosen among very many ways.
            steering, decided_by = cheapest, _ALL_SPANS
        plain = routes.cost(steering.release, destination)
        found[destination] = Repair(steering, protection, avoided, decided_by, plain)
    return found


class _Detoured:
    """The shortest paths from one switch that avoid some spans, and how they are steered."""

    def __init__(
        self, routes: Routes, site: int, avoided: Spans, destinations: Collection[int]
    ) -> None:
        self.surroundings = Surroundings(routes, avoided)
        self._graph = routes.graph
        self._tree, self.steps = routes.detours(site, avoided, destinations)
        self._ways: dict[int, tuple[Steering, Spans]] = {}

    def way(self, destination: int) -> tuple[Steering, Spans]:
        """The steering to a switch, and the spans that it hangs on."""
        ways, steps = self._ways, self.steps
        unknown: list[int] = []
        at = destination
        while at not in ways and at in steps:
            unknown.append(at)
            at = steps[at][2]
        steering, decided_by = ways[at] if at in ways else self._begun(at, unknown[-1])
        for end in reversed(unknown):
            cost, _, parent, span = steps[end]
            longer = self.surroundings.extended(steering, end, parent, span)
            if longer is not steering:
                decided_by |= cost | self.surroundings.cost(steering.release, end)
            steering = longer
            ways[end] = steering, decided_by
        return steering, decided_by

    def _begun(self, at: int, after: int) -> tuple[Steering, Spans]:
        """The way out, if the path to `at` is the old one and the next switch is `after`."""
        root = self._tree.root
        exit_span = self._tree.branch[at] if at != root else self.steps[after][3]
        beyond = self._graph.other_end(exit_span, root)
        return Steering(exit_span, (), beyond), self._graph.bits[exit_span]
