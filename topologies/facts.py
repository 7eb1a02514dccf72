"""What is true of a topology as a whole: how much there is of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from topologies.delays import delay_graph
from topologies.physics import span_length_km
from topologies.plan import make_plan
from topologies.spec import FibreType, Topology


@dataclass(frozen=True)
class TopologyFacts:
    """Counts of sites and hosts are by kind and role, in the file's order."""

    sites: Mapping[str, int]
    hosts: Mapping[str, int]
    switches: int
    spans: int
    fabric_links: int
    conduits: int
    spans_in_conduits: int
    fibre_km: Mapping[FibreType, float]
    shortest_km: float
    longest_km: float
    optics: Mapping[str, int]
    amplifiers: int
    jurisdictions: tuple[str, ...]
    power_usd_per_mwh: tuple[float, float] | None
    """The lowest and the highest price; None if no site has one. Carbon likewise."""
    carbon_g_per_kwh: tuple[float, float] | None
    farthest_ms: float
    """One-way delay through the fibre between the two sites that are farthest apart."""


def facts_of(topology: Topology) -> TopologyFacts:
    """Count what a topology has."""
    plan, sites = make_plan(topology), topology.sites
    lengths = [span_length_km(topology, span) for span in topology.spans]
    fibre_km = dict.fromkeys((span.fibre for span in topology.spans), 0.0)
    for span, km in zip(topology.spans, lengths, strict=True):
        fibre_km[span.fibre] += km
    return TopologyFacts(
        sites=Counter(site.kind.value for site in sites),
        hosts=Counter(host.role.value for host in plan.hosts),
        switches=len(plan.switches),
        spans=len(topology.spans),
        fabric_links=len(plan.spans) - len(topology.spans),
        conduits=len(topology.conduits()),
        spans_in_conduits=sum(bool(span.conduits) for span in topology.spans),
        fibre_km=fibre_km,
        shortest_km=min(lengths, default=0.0),
        longest_km=max(lengths, default=0.0),
        optics=Counter(span.transceiver.value for span in topology.spans if span.transceiver),
        amplifiers=sum(span.amplifiers for span in topology.spans),
        jurisdictions=tuple(dict.fromkeys(filter(None, (s.jurisdiction for s in sites)))),
        power_usd_per_mwh=_range(site.power_price_usd_per_mwh for site in sites),
        carbon_g_per_kwh=_range(site.carbon_g_per_kwh for site in sites),
        farthest_ms=_farthest_ms(topology),
    )


def _range(values: Iterable[float | None]) -> tuple[float, float] | None:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


def _farthest_ms(topology: Topology) -> float:
    paths = nx.all_pairs_dijkstra_path_length(delay_graph(topology), weight="delay_us")
    return max(max(reached.values()) for _, reached in paths) / 1000
