"""The shortest paths between one switch and all others (see `graph`), as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

Edge = tuple[int, int, int, int]
"""A span as (cost, one end, the other end, its index)."""


@dataclass(frozen=True)
class Tree:
    """Shortest paths between one switch, the root, and all others, by index.

    parent: the next switch towards the root, -1 at the root and where no path leads.
    via: the span to that switch, -1 likewise.
    branch: the first span of the path, seen from the root, -1 likewise.
    cost: of the whole path (see the module); the graph's `unreachable` where there is none.
    edges: all spans of the graph.
    """

    root: int
    parent: list[int]
    via: list[int]
    branch: list[int]
    cost: list[int]
    edges: Sequence[Edge] = field(repr=False, compare=False)

    @cached_property
    def unused(self) -> tuple[Edge, ...]:
        """The spans that no path takes: every way around a failure begins with one of them."""
        via = self.via
        return tuple(edge for edge in self.edges if edge[3] not in (via[edge[1]], via[edge[2]]))

    @cached_property
    def preorder(self) -> tuple[list[int], list[int], list[int]]:
        """The order of a walk through the tree: those behind a switch come right after it.

        (the switches that are reached; by switch, its place there; the place after the last
        one behind it).
        """
        children: list[list[int]] = [[] for _ in self.parent]
        for site, parent in enumerate(self.parent):
            if parent >= 0:
                children[parent].append(site)
        order: list[int] = []
        waiting = [self.root]
        while waiting:
            site = waiting.pop()
            order.append(site)
            waiting += children[site]
        place = [-1] * len(children)
        for position, site in enumerate(order):
            place[site] = position
        end = [position + 1 for position in place]
        for site in reversed(order[1:]):
            parent = self.parent[site]
            end[parent] = max(end[parent], end[site])
        return order, place, end

    def reaches(self, site: int) -> bool:
        """Whether a path leads from a switch to the root."""
        return site == self.root or self.via[site] >= 0

    def walk(self, site: int) -> Iterator[tuple[int, int]]:
        """(switch, span taken from there) along the path from `site` to the root."""
        while site != self.root:
            yield site, self.via[site]
            site = self.parent[site]


Step = tuple[int, int, int, int]
"""The last step of a path from a root: (cost of the path, its end, the switch before, the span)."""


def take(tree: Tree, step: Step) -> None:
    """Let the path to a switch end with this step, while a tree is made."""
    cost, site, parent, via = step
    tree.parent[site], tree.via[site], tree.cost[site] = parent, via, cost
    tree.branch[site] = via if parent == tree.root else tree.branch[parent]


def cut_off(tree: Tree, site: int, unreachable: int) -> None:
    """Let no path lead to a switch, while a tree is made."""
    tree.parent[site] = tree.via[site] = tree.branch[site] = -1
    tree.cost[site] = unreachable
