"""A scenario to play with: a network, some load, probes between far sites, and no fault."""

from __future__ import annotations

import json
import re
from pathlib import Path

import networkx as nx

from topologies.delays import delay_graph
from topologies.problems import InputError, Problem
from topologies.spec import Topology, host_names

_PROBES = 3
_PROBE_PPS = 1000
# The least rate of a scaled span: room for probes beside the load.
_LEAST_MBPS = 10.0
_LOAD = 0.2
_SCALE = 10_000.0
_MBPS_PER_GBPS = 1000


def open_scenario(
    topology: Topology, file: str, policies: tuple[str, ...], duration_s: float
) -> dict[str, object]:
    """The fields of a scenario on a topology; file: how a scenario names the topology.

    Raises InputError if fewer than two sites have hosts.
    """
    pairs = far_pairs(topology)
    if not pairs:
        raise InputError([Problem(topology.name, "fewer than two sites have hosts; nobody sends")])
    slowest_mbps = min(span.rate_gbps for span in topology.spans) * _MBPS_PER_GBPS
    name = re.sub(r"[^a-z0-9]+", "-", f"live-{topology.name}".lower()).strip("-")[:32]
    probes = [
        {"name": f"probe-{n}", "kind": "probe", "from": a, "to": b, "rate_pps": _PROBE_PPS}
        for n, (a, b) in enumerate(pairs, 1)
    ]
    return {
        "name": name,
        "description": "A network to cut and mend by hand.",
        "topology": file,
        "scale": max(1.0, min(_SCALE, slowest_mbps / _LEAST_MBPS)),
        "policies": list(policies),
        "warmup_s": 0,
        "duration_s": duration_s,
        "workloads": [*probes, {"name": "load", "kind": "matrix", "load": _LOAD}],
    }


def far_pairs(topology: Topology) -> list[tuple[str, str]]:
    """Hosts of up to three pairs of sites that are far from each other, no site twice."""
    first_host = {
        site.id: name for site in reversed(topology.sites) for name, _ in reversed(host_names(site))
    }
    graph = delay_graph(topology)
    left = [site.id for site in topology.sites if site.id in first_host]
    pairs: list[tuple[str, str]] = []
    while len(left) > 1 and len(pairs) < _PROBES:
        a = _farthest(graph, left[0], left)
        b = _farthest(graph, a, [site for site in left if site != a])
        pairs.append((first_host[a], first_host[b]))
        left = [site for site in left if site not in (a, b)]
    return pairs


def _farthest(graph: nx.Graph[str], start: str, among: list[str]) -> str:
    delays = nx.single_source_dijkstra_path_length(graph, start, weight="delay_us")
    return max(among, key=lambda site: (delays[site], site))


def write_scenario(fields: dict[str, object], folder: Path) -> Path:
    """A scenario as a file (JSON is YAML too)."""
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    return path
