"""Plans for the controller's tests, and the question that most of them ask."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import topohub

from controller.dataplane import DataPlane, Outcome, Trace
from topologies.plan import NetworkPlan, PlannedHost, make_plan
from topologies.spec import HostGroup, HostRole, Site, SiteKind, Span, Topology


@dataclass(frozen=True)
class Edge:
    """A span by its ends' names; its length in km decides which paths are short."""

    a: str
    b: str
    length_km: float = 100.0
    conduits: tuple[str, ...] = ()


def plan_of(edges: Sequence[Edge], hosts_at: Iterable[str] | None = None) -> NetworkPlan:
    """A plan with a host at each site (or those named); spans are s0, s1, … in order."""
    names = list(dict.fromkeys(end for edge in edges for end in (edge.a, edge.b)))
    with_host = set(names if hosts_at is None else hosts_at)
    host = (HostGroup(role=HostRole.HOST),)
    sites = tuple(
        Site(
            id=name,
            name=name,
            kind=SiteKind.POP,
            lat_deg=0,
            lon_deg=0,
            hosts=host if name in with_host else (),
        )
        for name in names
    )
    spans = tuple(
        Span(
            id=f"s{number}",
            a=edge.a,
            b=edge.b,
            length_km=edge.length_km,
            rate_gbps=100,
            conduits=edge.conduits,
        )
        for number, edge in enumerate(edges)
    )
    return make_plan(Topology(name="test", sites=sites, spans=spans))


def with_classes(plan: NetworkPlan) -> NetworkPlan:
    """The same plan with spans that tell classes of data apart."""
    spans = tuple(span.model_copy(update={"classes": True}) for span in plan.spans)
    return plan.model_copy(update={"spans": spans})


def topohub_edges(name: str, conduit_seed: int | None = None) -> list[Edge]:
    """A TopoHub graph; with a seed, a third of its sites get a conduit with two of their spans."""
    data = topohub.get(name)
    pairs = [
        (f"n{e['source']}", f"n{e['target']}", max(1.0, float(e.get("dist") or 100)))
        for e in data["edges"]
        if e["source"] != e["target"]
    ]
    conduits: dict[int, str] = {}
    if conduit_seed is not None:
        chance = random.Random(conduit_seed)
        for site in sorted({end for a, b, _ in pairs for end in (a, b)}):
            free = [i for i, (a, b, _) in enumerate(pairs) if site in (a, b) and i not in conduits]
            if len(free) > 1 and chance.random() < 1 / 3:
                conduits.update(dict.fromkeys(chance.sample(free, 2), f"duct-{site}"))
    return [
        Edge(a, b, km, (conduits[i],) if i in conduits else ())
        for i, (a, b, km) in enumerate(pairs)
    ]


def single_failures(plan: NetworkPlan) -> list[frozenset[str]]:
    """Every span alone, and every conduit."""
    ducts: dict[str, set[str]] = {}
    for span in plan.spans:
        for conduit in span.conduits:
            ducts.setdefault(conduit, set()).add(span.id)
    return [frozenset({span.id}) for span in plan.spans] + [frozenset(d) for d in ducts.values()]


def one_host_per_switch(plan: NetworkPlan) -> list[PlannedHost]:
    return list({host.port.switch: host for host in plan.hosts}.values())


def traces(
    plan: NetworkPlan, plane: DataPlane, failed: frozenset[str], before: Mapping[str, Trace]
) -> Iterator[tuple[PlannedHost, PlannedHost, Trace]]:
    """What becomes of every pair that the failure touches. before: see `healthy`."""
    hosts = one_host_per_switch(plan)
    for source in hosts:
        for target in hosts:
            if source is not target and failed & set(before[source.name + target.name].spans):
                yield source, target, plane.send(source, target, failed)


def healthy(plan: NetworkPlan, plane: DataPlane) -> dict[str, Trace]:
    """Every pair's way while nothing has failed; all are delivered, by the shortest path."""
    graph = surviving(plan, frozenset())
    found: dict[str, Trace] = {}
    hosts = one_host_per_switch(plan)
    delays = {span.id: span.delay_us for span in plan.spans}
    shortest = dict(nx.all_pairs_dijkstra_path_length(graph, weight="delay_us"))
    for source in hosts:
        for target in hosts:
            if source is target:
                continue
            trace = plane.send(source, target)
            assert trace.outcome is Outcome.DELIVERED, trace
            assert trace.most_labels == 0
            delay_us = sum(delays[span] for span in trace.spans)
            assert abs(delay_us - shortest[source.port.switch][target.port.switch]) < 0.1
            found[source.name + target.name] = trace
    return found


def surviving(plan: NetworkPlan, failed: frozenset[str]) -> nx.MultiGraph[str]:
    """The graph without the failed spans."""
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.add_nodes_from(switch.name for switch in plan.switches)
    for span in plan.spans:
        if span.id not in failed:
            graph.add_edge(span.a.switch, span.b.switch, key=span.id, delay_us=span.delay_us)
    return graph


def parts(plan: NetworkPlan, failed: frozenset[str]) -> dict[str, int]:
    """For each site, the number of the connected part that it is in."""
    components = nx.connected_components(surviving(plan, failed))
    return {site: number for number, part in enumerate(components) for site in part}
