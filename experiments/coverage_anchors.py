"""What simpler schemes would protect on the same graph: the figures to compare with."""

from __future__ import annotations

from dataclasses import dataclass

from controller.graph import Routes
from controller.network import Network
from topologies.plan import NetworkPlan


@dataclass(frozen=True, slots=True)
class Anchors:
    """Shares of all (switch, destination) that are protected against the next span's failure.

    lfa: loop-free alternates (RFC 5286). remote_lfa: with a tunnel to any node from which the
    destination is reached without that span (RFC 7490, extended P-space), too.
    """

    lfa: float
    remote_lfa: float


def anchors(plan: NetworkPlan) -> Anchors:
    """The anchors of a plan; both are 1 where there is nothing to protect."""
    network = Network(plan)
    routes = network.routes()
    total = alternates = remote = 0
    for site, arcs in enumerate(network.graph.arcs):
        branch = routes.tree(site).branch
        for _, head, span in arcs:
            behind = [d for d in network.destinations if branch[d] == span]
            bit = network.graph.bits[span]
            others = [neighbour for _, neighbour, other in arcs if other != span]
            found = sum(_has_alternate(routes, site, others, d) for d in behind)
            total += len(behind)
            alternates += found
            remote += len(behind) if _has_tunnel(routes, others, head, bit) else found
    return Anchors(alternates / total if total else 1.0, remote / total if total else 1.0)


def _has_alternate(routes: Routes, site: int, others: list[int], destination: int) -> bool:
    """Inequality 1 of RFC 5286: a neighbour's way there is shorter than that back and on."""
    onward_ns = routes.delay_ns(destination, site)
    return any(
        routes.delay_ns(destination, other) < routes.delay_ns(site, other) + onward_ns
        for other in others
    )


def _has_tunnel(routes: Routes, others: list[int], far_end: int, bit: int) -> bool:
    """Whether a node is in the neighbours' P-space and in the far end's Q-space."""
    beyond = routes.tree(far_end).cost
    for other in others:
        cost = routes.tree(other).cost
        if any(not (cost[node] | beyond[node]) & bit for node in range(len(cost))):
            return True
    return False
