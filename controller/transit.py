"""How long a packet may be in the network: what an update has to wait for."""

from __future__ import annotations

from collections.abc import Iterable

from controller.network import Network
from controller.tree import Tree
from topologies.plan import SPAN_MTU, PlannedSpan

_WAYS = 5
"""A packet's way: plain, at most three labels, and the rest; each of them is a shortest path."""


class Transits:
    """Bounds for one network; what a failure leaves as it is is computed once."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._transits_ms = [_transit_ms(span) for span in network.plan.spans]
        self._whole_ms: list[float] = []

    def longest_s(self, failed_spans: Iterable[str]) -> float:
        """A bound on a packet's time in the network: full queues, and a repair on the way."""
        graph, whole = self._network.graph, self._network.routes()
        roots = range(len(graph.sites))
        if not self._whole_ms:
            self._whole_ms = [self._depth_ms(whole.tree(root)) for root in roots]
        routes = self._network.routes(graph.set_of(graph.span_index[s] for s in failed_spans))
        longest_ms = 0.0
        for root in roots:
            tree = routes.tree(root)
            same = tree is whole.tree(root)
            depth_ms = self._whole_ms[root] if same else self._depth_ms(tree)
            longest_ms = max(longest_ms, depth_ms)
        return _WAYS * longest_ms / 1000

    def _depth_ms(self, tree: Tree) -> float:
        """The slowest of the shortest paths to one switch."""
        depths_ms = [0.0] * len(tree.via)
        for site in tree.preorder[0][1:]:
            depths_ms[site] = depths_ms[tree.parent[site]] + self._transits_ms[tree.via[site]]
        return max(depths_ms)


def _transit_ms(span: PlannedSpan) -> float:
    # With one full-size packet that is being sent.
    packet_ms = SPAN_MTU * 8 / span.rate_mbps / 1000
    return max(span.delay_us, span.delay_back_us or 0.0) / 1000 + span.buffer_ms + packet_ms
