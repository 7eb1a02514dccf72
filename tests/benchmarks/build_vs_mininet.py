"""How much faster is the builder than stock Mininet? Both build the same network, in one run.

In a guest: ./fibercut exec -- python -m tests.benchmarks.build_vs_mininet
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSSwitch
from rich.console import Console
from rich.table import Table

from tests.benchmarks.standing import GUEST_OUT
from tests.benchmarks.wall_clock import WallClock
from topologies.build import build_network
from topologies.plan import NetworkPlan, make_plan
from topologies.spec import HostGroup, HostRole, Site, SiteKind, Span, Topology


@dataclass(frozen=True, slots=True)
class Times:
    """Wall times in seconds."""

    build_s: float
    tear_down_s: float


def benchmark_plan(switches: int, hosts_per_switch: int, links: int, seed: int) -> NetworkPlan:
    """A ring with random chords; `links` counts spans and access links."""
    rng = random.Random(seed)
    graph = nx.cycle_graph(switches)
    while graph.number_of_edges() < links - switches * hosts_per_switch:
        graph.add_edge(*rng.sample(range(switches), 2))
    group = HostGroup(role=HostRole.HOST, count=hosts_per_switch, rate_gbps=100)
    sites = tuple(
        Site(id=f"n{node}", name=f"n{node}", kind=SiteKind.POP, lat_deg=0, lon_deg=0,
             hosts=(group,) if hosts_per_switch else ())
        for node in graph
    )  # fmt: skip
    spans = tuple(
        Span(id=f"n{a}-n{b}", a=f"n{a}", b=f"n{b}", rate_gbps=100, length_km=rng.uniform(10, 2000))
        for a, b in graph.edges
    )
    topology = Topology(name="benchmark", sites=sites, spans=spans, controller_site="n0")
    return make_plan(topology, scale=1000)


def time_ours(plan: NetworkPlan, now_s: Callable[[], float]) -> Times:
    """Build and take down with our builder."""
    begin_s = now_s()
    with build_network(plan):
        built_s = now_s()
    return Times(built_s - begin_s, now_s() - built_s)


def time_stock(plan: NetworkPlan, now_s: Callable[[], float]) -> Times:
    """The same switches, hosts, delays and rates the way Mininet's examples do it."""
    setLogLevel("critical")
    begin_s = now_s()
    network = Mininet(controller=None, link=TCLink, switch=OVSSwitch)
    for switch in plan.switches:
        network.addSwitch(f"s{switch.dpid}")
    for number, host in enumerate(plan.hosts):
        network.addHost(f"h{number}", ip=f"{host.ip}/8", mac=host.mac)
        network.addLink(
            f"h{number}", f"s{host.port.dpid}", **_shaped(host.delay_us, host.rate_mbps)
        )
    for span in plan.spans:
        a, b = f"s{span.a.dpid}", f"s{span.b.dpid}"
        network.addLink(a, b, **_shaped(span.delay_us, span.rate_mbps))
    network.start()
    built_s = now_s()
    network.stop()
    return Times(built_s - begin_s, now_s() - built_s)


def _shaped(delay_us: float, rate_mbps: float) -> dict[str, object]:
    return {"bw": rate_mbps, "delay": f"{delay_us:.0f}us"}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switches", type=int, default=50)
    parser.add_argument("--hosts-per-switch", type=int, default=1)
    parser.add_argument("--links", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only-ours", action="store_true", help="for networks that Mininet "
                        "would take hours for")  # fmt: skip
    parser.add_argument("--out", type=Path, default=GUEST_OUT, help="a folder of the host's")
    options = parser.parse_args()
    plan = benchmark_plan(options.switches, options.hosts_per_switch, options.links, options.seed)
    clock = WallClock(options.out)
    ours = time_ours(plan, clock.now_s)
    stock = None if options.only_ours else time_stock(plan, clock.now_s)
    clock.close()
    title = (
        f"{len(plan.switches)} switches, {len(plan.hosts)} hosts, "
        f"{len(plan.hosts) + len(plan.spans)} shaped links"
    )
    Console(width=80).print(_table(title, ours, stock))


def _table(title: str, ours: Times, stock: Times | None) -> Table:
    table = Table(title=title)
    table.add_column("wall time")
    for name in ("build", "take down", "together"):
        table.add_column(name, justify="right")
    rows = [("Fibercut", ours)] + ([("stock Mininet", stock)] if stock else [])
    for name, times in rows:
        together_s = times.build_s + times.tear_down_s
        table.add_row(name, *(f"{t:.2f} s" for t in (times.build_s, times.tear_down_s, together_s)))
    if stock:
        table.add_row(
            "times faster",
            f"{stock.build_s / ours.build_s:.0f}",
            f"{stock.tear_down_s / ours.tear_down_s:.0f}",
            f"{(stock.build_s + stock.tear_down_s) / (ours.build_s + ours.tear_down_s):.0f}",
        )
    return table


if __name__ == "__main__":
    main()
