"""Who can send more than is carried: sites, fabrics, demands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import networkx as nx

from topologies.fabric import hosts_by_switch
from topologies.lint.findings import Finding, Subject
from topologies.physics import span_delay_us
from topologies.spec import LeafSpine, Site


def sites_oversubscribed(subject: Subject) -> Iterator[Finding]:
    """FC301 to FC303: hosts against spans, leaves against spines, spans against the fabric."""
    for index, site in enumerate(subject.topology.sites):
        hosts_gbps = sum(group.count * group.rate_gbps for group in site.hosts)
        spans = [span for spans in subject.neighbours[site.id].values() for span in spans]
        spans_gbps = sum(span.rate_gbps for span in spans)
        if spans and hosts_gbps > spans_gbps:
            carry = f"{len(spans)} spans carry" if len(spans) > 1 else "one span carries"
            yield Finding(
                "FC301",
                ("sites", index, "hosts"),
                f"the hosts of {site.id} can send {hosts_gbps:,.6g} Gbit/s and its {carry} "
                f"{spans_gbps:,.6g}: {hosts_gbps / spans_gbps:.1f} to 1",
                "leave it if they do not all send far at once; else add or widen spans",
            )
        if isinstance(site.fabric, LeafSpine):
            yield from _fabric(index, site, site.fabric, spans_gbps)


def _fabric(index: int, site: Site, fabric: LeafSpine, spans_gbps: float) -> Iterator[Finding]:
    up_gbps = fabric.spines * fabric.rate_gbps
    leaves: dict[str, float] = defaultdict(float)
    for _, group, switch in hosts_by_switch(site):
        leaves[switch] += group.rate_gbps
    worst = max(leaves, key=leaves.__getitem__, default=None)
    if worst and leaves[worst] > up_gbps:
        yield Finding(
            "FC302",
            ("sites", index, "fabric"),
            f"the hosts of the leaf {worst} can send {leaves[worst]:,.6g} Gbit/s and its "
            f"{fabric.spines} links to the spines carry {up_gbps:,.6g}: "
            f"{leaves[worst] / up_gbps:.1f} to 1",
            "add spines or leaves, or raise the fabric's rate_gbps",
        )
    if spans_gbps > up_gbps:
        yield Finding(
            "FC303",
            ("sites", index, "fabric"),
            f"the spans of {site.id} carry {spans_gbps:,.6g} Gbit/s and its fabric "
            f"{up_gbps:,.6g} to the border",
            "add spines, or raise the fabric's rate_gbps, if its hosts are to fill the spans",
        )


def spans_overloaded(subject: Subject) -> Iterator[Finding]:
    """FC304: the traffic matrix on the shortest paths, each direction of a span by itself."""
    if not subject.topology.demands:
        return
    loads = _loads_gbps(subject)
    for index, span in enumerate(subject.topology.spans):
        for a, b in ((span.a, span.b), (span.b, span.a)):
            load_gbps = loads.get((span.id, a), 0.0)
            if load_gbps > span.rate_gbps * (1 + 1e-9):
                yield Finding(
                    "FC304",
                    ("spans", index, "rate_gbps"),
                    f"the demands put {load_gbps:,.5g} Gbit/s on {span.id} from {a} to {b}, "
                    f"{load_gbps / span.rate_gbps:.0%} of its {span.rate_gbps:g} Gbit/s",
                    "widen it, spread the demands over other paths, or scale the demands",
                )


def _loads_gbps(subject: Subject) -> dict[tuple[str, str], float]:
    """What goes onto each span, by the end at which it goes on."""
    wanted: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for demand in subject.topology.demands:
        wanted[demand.a][demand.b] += demand.rate_gbps
    graph = _shortest_spans(subject)
    loads: dict[tuple[str, str], float] = defaultdict(float)
    for source, targets in wanted.items():
        before, distance = nx.dijkstra_predecessor_and_distance(graph, source, weight="delay_us")
        # From the farthest site towards the source: each hands what it gets to the one before.
        flow = dict(targets)
        for site in reversed(list(distance)):
            if before[site] and (rate := flow.get(site, 0.0)):
                nearer = before[site][0]
                loads[graph.edges[nearer, site]["span"], nearer] += rate
                flow[nearer] = flow.get(nearer, 0.0) + rate
    return loads


def _shortest_spans(subject: Subject) -> nx.Graph[str]:
    """The graph of the sites with the span of least delay between each pair."""
    graph: nx.Graph[str] = nx.Graph()
    for span in subject.topology.spans:
        delay_us = span_delay_us(subject.topology, span)
        if not graph.has_edge(span.a, span.b) or delay_us < graph.edges[span.a, span.b]["delay_us"]:
            graph.add_edge(span.a, span.b, span=span.id, delay_us=delay_us)
    return graph
