"""Real networks are built: from 11 to 778 sites, of TopoHub and from users' files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest

from tests.emulation.built_networks import datagrams, left_over, lines
from topologies.build import build_network
from topologies.imports.options import ImportOptions
from topologies.load import load_topology
from topologies.plan import NetworkPlan, PlannedHost, make_plan

LARGE = "backbone/emea_nosc"
PAYLOAD_BYTES, OVERHEAD_BYTES = 100, 42  # Ethernet, IPv4 and UDP headers
NETWORKS = Path(__file__).parent.parent / "data" / "networks"


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = left_over()
    yield
    assert left_over() == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("topozoo/Abilene", {}),
        ("sndlib/germany50", {}),
        ("sndlib/norway", {"km_per_unit": 3}),
        ("gabriel/100/0", {}),
        ("zoo.graphml", {}),
        ("lengths.json", {}),
    ],
)
def test_network_is_built_as_planned(name: str, options: dict[str, float]) -> None:
    file = NETWORKS / name
    given = str(file) if file.exists() else name
    topology = load_topology(given, options=ImportOptions.model_validate(options))
    plan = make_plan(topology, scale=1000)
    with build_network(plan) as network:
        assert len(network.switches) == len(topology.sites)
        assert len(network.hosts) == len(topology.sites)
        assert len(network.links) == len(topology.spans) + len(topology.sites)
        assert set(lines("ovs-vsctl", "list-br")) == {switch.name for switch in plan.switches}


def test_a_packet_crosses_a_large_network_in_the_time_its_fibres_take() -> None:
    """From one host to the one that is farthest in spans, along the shortest way by delay."""
    plan = make_plan(load_topology(LARGE), scale=1000)
    assert len(plan.switches) > 700
    graph: nx.Graph[str] = nx.Graph()
    for span in plan.spans:
        graph.add_edge(span.a.switch, span.b.switch, weight=span.delay_us, span=span)
    first = plan.hosts[0]
    ways = nx.single_source_dijkstra_path(graph, first.port.switch)
    last = max(plan.hosts, key=lambda host: len(ways[host.port.switch]))
    hops = [graph.edges[hop]["span"] for hop in pairwise(ways[last.port.switch])]
    bits = (PAYLOAD_BYTES + OVERHEAD_BYTES) * 8
    with build_network(plan) as network:
        assert set(lines("ovs-vsctl", "list-br")) == {switch.name for switch in plan.switches}
        lead(plan, ways[last.port.switch], last)
        flow = datagrams(network, first.name, last.name)
        flow.fill_caches(PAYLOAD_BYTES)
        measured_us = flow.delay_ns(PAYLOAD_BYTES) / 1000
        flow.close()
    expected_us = sum(part.delay_us + bits / part.rate_mbps for part in (first, *hops, last))
    assert len(hops) > 20
    assert measured_us == pytest.approx(expected_us, abs=1, rel=0.001)


def lead(plan: NetworkPlan, way: list[str], to: PlannedHost) -> None:
    """Static rules along a way of switches, in place of a controller."""
    spans = {frozenset((span.a.switch, span.b.switch)): span for span in plan.spans}
    for here, following in pairwise([*way, ""]):
        span = spans.get(frozenset((here, following)))
        out = span.port_at(here) if span else to.port
        rule = f"ip,nw_dst={to.ip},actions=mod_dl_dst:{to.mac},output:{out.number}"
        subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", here, rule], check=True)
