"""From a graph that was found to a checked Topology: a `pop` with a host at every node."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from topologies.imports.graph import Edge, FoundDemand, Graph, Node, Point
from topologies.imports.names import LONGEST_SPAN_ID, Taken, unique_ids
from topologies.imports.options import DEFAULT_RATE_GBPS, ImportOptions
from topologies.imports.rules import settle
from topologies.load import check_topology
from topologies.physics import SHORTEST_KM
from topologies.problems import Location, dotted
from topologies.spec import JURISDICTION, Topology

_COUNTRY = re.compile(JURISDICTION)


def topology_of(graph: Graph, options: ImportOptions) -> Topology:
    """The Topology of a graph; its notes tell what was assumed or left out.

    Raises InputError when the graph cannot be built, with the reason.
    """
    settled = settle(graph, options)
    graph = settled.graph
    ids = unique_ids([node.name for node in graph.nodes])
    site_ids = {node.id: site for node, site in zip(graph.nodes, ids, strict=True)}
    data = {
        "name": graph.name,
        "source": graph.source,
        "route_factor": options.route_factor,
        "notes": [*settled.notes, *_rate_notes(graph, options)],
        "sites": [
            _site(site_ids[node.id], node, settled.positions[node.id], options)
            for node in graph.nodes
        ],
        "spans": list(_spans(site_ids, graph, options)),
        "demands": [_demand(site_ids, demand) for demand in graph.demands],
    }
    return check_topology(data, _places(graph))


def _places(graph: Graph) -> Callable[[Location], str]:
    """Words the place of a problem as the file's reader would look for it."""

    def locate(location: Location) -> str:
        match location:
            case ("sites", int(index), *rest):
                return f"{graph.place}: {graph.nodes[index].place}: {dotted(tuple(rest))}"
            case ("spans", int(index), *rest):
                return f"{graph.place}: {graph.edges[index].place}: {dotted(tuple(rest))}"
        return f"{graph.place}: {dotted(location)}"

    return locate


def _rate_notes(graph: Graph, options: ImportOptions) -> Iterator[str]:
    without = sum(edge.rate_gbps is None for edge in graph.edges)
    if without:
        told = "all" if without == len(graph.edges) else f"{without} of {len(graph.edges)}"
        chosen = "assumed" if options.rate_gbps == DEFAULT_RATE_GBPS else "declared"
        yield f"{told} spans have no rate: {options.rate_gbps:g} Gbit/s {chosen} (--rate-gbps)"


def _site(site_id: str, node: Node, position: Point, options: ImportOptions) -> dict[str, Any]:
    lon, lat = position
    site = {
        "id": site_id,
        "name": node.name,
        "kind": "pop",
        "lat_deg": lat,
        "lon_deg": lon,
        "hosts": [{"role": "host", "rate_gbps": options.rate_gbps}],
    }
    if node.region:
        key = "jurisdiction" if _COUNTRY.match(node.region) else "region"
        site[key] = node.region
    return site


def _spans(
    site_ids: Mapping[str, str], graph: Graph, options: ImportOptions
) -> Iterator[dict[str, Any]]:
    taken = Taken(LONGEST_SPAN_ID)
    for edge in graph.edges:
        a, b = site_ids[edge.a], site_ids[edge.b]
        rate_gbps = options.rate_gbps if edge.rate_gbps is None else round(edge.rate_gbps, 9)
        span = {"id": taken.unused(f"{a}-{b}"), "a": a, "b": b, "rate_gbps": rate_gbps}
        yield span | _measures(edge)


def _measures(edge: Edge) -> dict[str, float]:
    found: dict[str, float] = {}
    if edge.length_km is not None:
        found["length_km"] = max(SHORTEST_KM, round(edge.length_km, 6))
    if edge.delay_us is not None:
        found["delay_us"] = edge.delay_us
    if edge.delay_back_us is not None:
        found["delay_back_us"] = edge.delay_back_us
    return found


def _demand(site_ids: Mapping[str, str], demand: FoundDemand) -> dict[str, Any]:
    return {
        "a": site_ids[demand.a],
        "b": site_ids[demand.b],
        "rate_gbps": round(demand.rate_gbps, 12),
    }
