"""1:1 path protection: two disjoint paths for each pair, and the ingress switches over.

Packets get one label at the ingress, of the working path or of the backup; the switches
on the way only follow it, and the last but one takes it off. The ingress sees by itself
when its own span has failed. Of a failure further on it learns from the controller, which
hears of it from the switch beside the failure. Both paths stay in place, so a switch-over
changes one rule at one switch.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.disjoint import Disjointness, Path, PathPair, path_pair
from controller.graph import Spans
from controller.labels import PATH_BASE
from controller.network import Desired, Network, Shortfall, rules_of
from controller.policy import Policy
from controller.repair import Protection
from controller.switch_rules import RuleWriter

_Ends = tuple[int, int]


class PathProtection:
    """The rules of one network: paths are computed once, whatever fails later."""

    def __init__(self, network: Network, _protection: Protection) -> None:
        self._network = network
        self._pairs = dict(_pairs(network))
        self._transit = network.writers()
        labels = _Labels(self._transit)
        self._ways = {
            (start, end): [(path[0][1], labels.label_for(end, path)) for path in pair.paths]
            for (start, end), pair in self._pairs.items()
        }

    def __call__(self, failed: Spans) -> Desired:
        """Every ingress with those of its two paths that are whole."""
        writers = [writer.copy() for writer in self._transit]
        for (start, end), pair in self._pairs.items():
            whole = [
                way
                for way, path in zip(self._ways[start, end], pair.paths, strict=True)
                if not self._spans_of(path) & failed
            ]
            if whole:
                writers[start].enter(end, whole)
        return Desired(rules_of(writers), tuple(self._shortfalls()))

    def _spans_of(self, path: Path) -> Spans:
        return self._network.graph.set_of(span for _, span in path)

    def _shortfalls(self) -> Iterator[Shortfall]:
        """Pairs whose paths share a switch (protected against spans), or that have one path."""
        graph = self._network.graph
        has = {Disjointness.SPANS: Protection.LINK, Disjointness.NOTHING: Protection.NONE}
        for (start, end), pair in self._pairs.items():
            if pair.disjointness in has:
                yield Shortfall(
                    graph.sites[start],
                    graph.spans[pair.working[0][1]].id,
                    (graph.sites[end],),
                    has[pair.disjointness],
                )


class _Labels:
    """Gives labels to paths. Paths to one switch share a label if they never disagree.

    So the rules grow with the destinations and not with the pairs.
    """

    def __init__(self, writers: list[RuleWriter]) -> None:
        self._writers = writers
        self._trees: dict[int, dict[int, dict[int, int]]] = {}
        self._given = 0

    def label_for(self, end: int, path: Path) -> int | None:
        """The label to enter a path with; its rules are written. None for a single span."""
        if len(path) == 1:
            return None
        rest = dict(path[1:])
        trees = self._trees.setdefault(end, {})
        agreeing = (label for label, tree in trees.items() if _agree(tree, rest))
        label = next(agreeing, PATH_BASE + self._given)
        if label not in trees:
            trees[label] = {}
            self._given += 1
        trees[label].update(rest)
        last = path[-1][0]
        for site, span in rest.items():
            write = (
                self._writers[site].end_label if site == last else self._writers[site].lead_label
            )
            write(label, span)
        return label


def _agree(tree: dict[int, int], path: dict[int, int]) -> bool:
    return all(tree.get(site, span) == span for site, span in path.items())


def _pairs(network: Network) -> Iterator[tuple[_Ends, PathPair]]:
    routes = network.routes()
    for start in network.destinations:
        for end in network.destinations:
            pair = None if start == end else path_pair(routes, start, end)
            if pair is not None:
                yield (start, end), pair


POLICY = Policy(
    name="path-protection",
    summary="two disjoint paths for each pair of sites; the ingress switches over when told",
    restores=True,
    design=PathProtection,
)
