"""What a failure has torn apart."""

from __future__ import annotations

from collections.abc import Collection

import networkx as nx

from topologies.plan import NetworkPlan


def connected_parts(plan: NetworkPlan, dead_spans: Collection[str]) -> list[list[str]]:
    """The switches that can reach each other, part by part, the largest first."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(switch.name for switch in plan.switches)
    graph.add_edges_from(
        (span.a.switch, span.b.switch) for span in plan.spans if span.id not in dead_spans
    )
    parts = [sorted(part) for part in nx.connected_components(graph)]
    return sorted(parts, key=lambda part: (-len(part), part))
