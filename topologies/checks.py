"""What the fields of a topology say together: names, ends, connectedness.

Works on the data as read, so that these problems are told together with those
of single fields, however broken the rest of the file is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx
from pydantic import ValidationError

from topologies.fabric import fabric_links, hosts_by_switch, inner_switches
from topologies.problems import Locate, Location, Problem, unknown
from topologies.spec import LONGEST_NAME, MOST_HOSTS, Site

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
        *_ends("spans", spans, set(site_ids), locate),
        *_ends("demands", _records(data.get("demands")), set(site_ids), locate),
        *_controller(data, site_ids, locate),
        *_fabrics(sites, spans, locate),
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


def _ends(
    key: str, records: list[tuple[int, Mapping[str, Any]]], site_ids: set[str], locate: Locate
) -> Iterator[Problem]:
    for index, record in records:
        for end in ("a", "b"):
            site = record.get(end)
            if isinstance(site, str) and site not in site_ids:
                place = locate((key, index, end))
                yield Problem(place, unknown("site", site, site_ids))
        if isinstance(record.get("a"), str) and record.get("a") == record.get("b"):
            message = f"it goes from {record['a']!r} to itself; its ends are two sites"
            yield Problem(locate((key, index, "b")), message)


def _fabrics(
    sites: list[tuple[int, Mapping[str, Any]]],
    spans: list[tuple[int, Mapping[str, Any]]],
    locate: Locate,
) -> Iterator[Problem]:
    """What only the switches inside a site show."""
    site_index = {site["id"]: i for i, site in sites if isinstance(site.get("id"), str)}
    span_index = {span["id"]: i for i, span in spans if isinstance(span.get("id"), str)}
    for index, data in sites:
        try:
            site = Site.model_validate(data)
        except ValidationError:
            continue  # told already, field by field
        for name in inner_switches(site):
            if name in site_index:
                message = f"its switch {name!r} has the id of sites[{site_index[name]}]; rename one"
                yield Problem(locate(("sites", index, "fabric")), message)
        for link in fabric_links(site):
            if link.id in span_index:
                message = f"{link.id!r} is the id of a link in {site.id}'s fabric; choose another"
                yield Problem(locate(("spans", span_index[link.id], "id")), message)
        yield from _outgrown(index, site, locate)


def _outgrown(index: int, site: Site, locate: Locate) -> Iterator[Problem]:
    longest = max(inner_switches(site), key=len, default="")
    if len(longest) > LONGEST_NAME:
        message = (
            f"its switch {longest!r} has a name of {len(longest)} characters and Linux allows "
            f"{LONGEST_NAME}; shorten the site's id by {len(longest) - LONGEST_NAME}"
        )
        yield Problem(locate(("sites", index, "id")), message)
    for switch, hosts in Counter(switch for _, _, switch in hosts_by_switch(site)).items():
        if hosts > MOST_HOSTS:
            message = (
                f"{hosts} hosts hang on the switch {switch!r}, which has room for {MOST_HOSTS}; "
                "remove some, or give the site a leaf-spine fabric with more leaves"
            )
            yield Problem(locate(("sites", index, "hosts")), message)
            return


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
