"""How long do large networks take to build and to take down? Each has a host at every site.

In a guest: ./fibercut exec --memory-mb 12288 -- python -m tests.benchmarks.build_large
Names of networks (see --help) choose among them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import networkx as nx
from rich.console import Console
from rich.table import Table

from tests.benchmarks.build_vs_mininet import benchmark_plan
from tests.benchmarks.standing import GUEST_OUT, cost_of
from tests.benchmarks.wall_clock import WallClock
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan

_SCALE = 1000.0
# The size of Kdl, the largest network of the Topology Zoo.
_GABRIEL_SITES, _GABRIEL_SPANS = 754, 899


def topohub_largest() -> NetworkPlan:
    """The graph of TopoHub with the most nodes."""
    return make_plan(load_topology("backbone/world"), _SCALE)


def gabriel() -> NetworkPlan:
    """A Gabriel graph, thinned out to the fewest and then the shortest spans."""
    whole = load_topology(f"gabriel:n={_GABRIEL_SITES},seed=1")
    graph: nx.Graph[str] = nx.Graph()
    for span in whole.spans:
        graph.add_edge(span.a, span.b, km=span.length_km, id=span.id)
    kept = {data["id"] for _, _, data in nx.minimum_spanning_edges(graph, weight="km")}
    for span in sorted(whole.spans, key=lambda span: span.length_km or 0.0):
        if len(kept) < _GABRIEL_SPANS:
            kept.add(span.id)
    spans = tuple(span for span in whole.spans if span.id in kept)
    return make_plan(whole.model_copy(update={"spans": spans}), _SCALE)


def thousand_by_two() -> NetworkPlan:
    """1,000 sites with two hosts each and 1,200 spans."""
    return benchmark_plan(1000, 2, 3200, seed=7)


NETWORKS: dict[str, Callable[[], NetworkPlan]] = {
    "gabriel": gabriel,
    "thousand-by-two": thousand_by_two,
    "topohub-largest": topohub_largest,
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help=", ".join(NETWORKS))
    parser.add_argument("--out", type=Path, default=GUEST_OUT, help="a folder of the host's")
    options = parser.parse_args()
    table = Table(title="wall time and memory of the guest")
    for name in ("network", "sites", "hosts", "spans", "build", "take down", "memory"):
        table.add_column(name, justify="left" if name == "network" else "right")
    clock = WallClock(options.out)
    for name in options.networks:
        plan = NETWORKS[name]()
        cost = cost_of(plan, clock)
        table.add_row(
            name,
            *(f"{len(part):,}" for part in (plan.switches, plan.hosts, plan.spans)),
            f"{cost.build_s:.1f} s",
            f"{cost.take_down_s:.1f} s",
            f"{cost.memory_mb:,.0f} MB",
        )
    clock.close()
    Console(width=90).print(table)


if __name__ == "__main__":
    main()
