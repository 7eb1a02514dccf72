"""What the fields of a topology say together: names, ends, connectedness.

Works on the data as read, so that these problems are told together with those
of single fields, however broken the rest of the file is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx

from topologies.problems import Locate, Location, Problem, unknown

# Names that Linux, Open vSwitch or Mininet use for something else.
RESERVED_SITE_IDS = frozenset({"lo", "eth0", "ovs-system", "controller", "all", "default"})


def semantic_problems(data: Mapping[str, Any], locate: Locate) -> list[Problem]:
    """Everything wrong with a topology that no single field shows."""
    sites = _records(data.get("sites"))
    spans = _records(data.get("spans"))
    site_ids = [site["id"] for _, site in sites if isinstance(site.get("id"), str)]
    problems = [
        *_duplicates("sites", sites, locate),
        *_duplicates("spans", spans, locate),
        *_reserved(sites, locate),
        *_span_ends(spans, set(site_ids), locate),
        *_controller(data, site_ids, locate),
    ]
    return problems or _disconnected(site_ids, spans, locate)


def _records(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    if not isinstance(value, list | tuple):
        return []
    return [(index, item) for index, item in enumerate(value) if isinstance(item, Mapping)]


def _duplicates(
    key: str, records: list[tuple[int, Mapping[str, Any]]], locate: Locate
) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, record in records:
        name = record.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"duplicate id {name!r}, first used by {key}[{first[name]}]; ids are unique"
            yield Problem(locate((key, index, "id")), message)
        first.setdefault(name, index)


def _reserved(sites: list[tuple[int, Mapping[str, Any]]], locate: Locate) -> Iterator[Problem]:
    for index, site in sites:
        if isinstance(site.get("id"), str) and site["id"] in RESERVED_SITE_IDS:
            message = f"{site['id']!r} is reserved by the system; choose another id"
            yield Problem(locate(("sites", index, "id")), message)


def _span_ends(
    spans: list[tuple[int, Mapping[str, Any]]], site_ids: set[str], locate: Locate
) -> Iterator[Problem]:
    for index, span in spans:
        for end in ("a", "b"):
            site = span.get(end)
            if isinstance(site, str) and site not in site_ids:
                place = locate(("spans", index, end))
                yield Problem(place, unknown("site", site, site_ids))
        if isinstance(span.get("a"), str) and span.get("a") == span.get("b"):
            message = f"the span goes from {span['a']!r} to itself; its ends are two sites"
            yield Problem(locate(("spans", index, "b")), message)


def _controller(data: Mapping[str, Any], site_ids: list[str], locate: Locate) -> Iterator[Problem]:
    site = data.get("controller_site")
    if isinstance(site, str) and site not in site_ids:
        yield Problem(locate(("controller_site",)), unknown("site", site, site_ids))


def _disconnected(
    site_ids: list[str], spans: list[tuple[int, Mapping[str, Any]]], locate: Locate
) -> list[Problem]:
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_nodes_from(site_ids)
    ends = [(span.get("a"), span.get("b")) for _, span in spans]
    graph.add_edges_from((a, b) for a, b in ends if a in graph and b in graph)
    parts = sorted((sorted(part) for part in nx.connected_components(graph)), key=len)
    place: Location = ("spans",) if spans else ("sites",)
    return [
        Problem(
            locate(place),
            f"no span connects {', '.join(part[:5])}{', …' if len(part) > 5 else ''} "
            "to the rest; add one or remove them",
        )
        for part in parts[:-1]
    ]
