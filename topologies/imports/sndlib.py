"""SNDlib's networks, XML and native: nodes with coordinates, links, demands.

The formats are described at https://sndlib.put.poznan.pl (I/O formats). Demands and capacities
are multiples of a unit that few networks name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from topologies.imports.graph import Edge, FoundDemand, Graph, Node
from topologies.imports.graphml import local_name
from topologies.imports.options import ImportOptions
from topologies.imports.quantities import NotANumberError, number
from topologies.problems import InputError, Problem, shown, suggestion

_HEADER = re.compile(r"\?\s*SNDlib native format\s*;\s*type:\s*(\w+)", re.IGNORECASE)
_SECTION = re.compile(r"([A-Z_]+)\s*\(\s*")
_NODE = re.compile(r"(\S+)\s*\(\s*(\S+)\s+(\S+?)\s*\)")
_LINK = re.compile(r"(\S+)\s*\(\s*(\S+)\s+(\S+?)\s*\)\s+(\S+)")
_DEMAND = re.compile(r"(\S+)\s*\(\s*(\S+)\s+(\S+?)\s*\)\s+(\S+)\s+(\S+)")
_UNIT = re.compile(r"unit\s*=\s*(\S+)")
# Mbit/s of one unit: SNDlib's own readme files say so of these (brain's is in bit/s).
UNITS_MBPS = {"abilene": 1.0, "geant": 1.0, "brain": 1e-6}
_NAMED_UNITS_MBPS = {"mbitpersec": 1.0, "gbitpersec": 1e3, "kbitpersec": 1e-3, "bitpersec": 1e-6}


class _Row(NamedTuple):
    """One node, link or demand: its place in messages, and its fields as texts."""

    where: str
    name: str
    first: str
    second: str
    value: str = ""
    times: str = "1"


@dataclass(frozen=True, slots=True)
class _Sections:
    nodes: Sequence[_Row]
    links: Sequence[_Row]
    demands: Sequence[_Row]
    unit: str = ""
    geographic: bool | None = None
    """Whether coordinates are degrees; None where the file does not say."""


def read_native(place: str, stem: str, text: str, options: ImportOptions) -> Graph:
    """The network in SNDlib's native format. Raises InputError with all its problems."""
    header = _HEADER.match(text.lstrip())
    if header is None or header[1].lower() != "network":
        message = (
            "not a network of SNDlib: its first line must be "
            "«?SNDlib native format; type: network; version: 1.0»"
        )
        raise InputError([Problem(place, message)])
    problems: list[Problem] = []
    sections = _native_sections(place, text, problems)
    return _network(place, stem, sections, problems, options)


def read_sndlib_xml(place: str, stem: str, root: Element, options: ImportOptions) -> Graph:
    """The network in SNDlib's XML. Raises InputError with all its problems."""
    groups = {local_name(e.tag): e for e in root.iter() if local_name(e.tag) in _GROUPS}
    nodes = list(_xml_rows(place, groups.get("nodes"), "node", ("x", "y", "", "")))
    links = list(_xml_rows(place, groups.get("links"), "link", _LINK_FIELDS))
    demands = list(_xml_rows(place, groups.get("demands"), "demand", _DEMAND_FIELDS))
    kind = groups["nodes"].get("coordinatesType") if "nodes" in groups else None
    unit = groups["unit"].text if "unit" in groups else None
    geographic = kind == "geographical" if kind else None
    sections = _Sections(nodes, links, demands, (unit or "").strip(), geographic)
    return _network(place, stem, sections, [], options)


_GROUPS = ("nodes", "links", "demands", "unit")
_LINK_FIELDS = ("source", "target", "preInstalledModule/capacity", "")
_DEMAND_FIELDS = ("source", "target", "demandValue", "routingUnit")


def _xml_rows(
    place: str, group: Element | None, kind: str, fields: tuple[str, str, str, str]
) -> Iterator[_Row]:
    """Each element of a group; `fields` are the paths of a row's fields."""
    elements = [] if group is None else [e for e in group if local_name(e.tag) == kind]
    for index, element in enumerate(elements):
        name = element.get("id") or f"{kind} {index}"
        first, second, value, times = (_path_text(element, path) for path in fields)
        where = f"{place}: {kind} {shown(name)}"
        yield _Row(where, name, first, second, value, times or "1")


def _path_text(element: Element, path: str) -> str:
    """The text of the first element below that ends such a path (namespaces do not count)."""
    parent, _, child = path.rpartition("/")
    for found in element.iter():
        if parent and local_name(found.tag) != parent:
            continue
        for inner in found if parent else [found]:
            if path and local_name(inner.tag) == child:
                return (inner.text or "").strip()
    return ""


def _native_sections(place: str, text: str, problems: list[Problem]) -> _Sections:
    rows: dict[str, list[_Row]] = {"NODES": [], "LINKS": [], "DEMANDS": []}
    section, unit = "", ""
    for line_number, whole in enumerate(text.splitlines(), start=1):
        line = whole.partition("#")[0].strip()
        opened = _SECTION.fullmatch(line)
        if opened or line == ")":
            section = opened[1] if opened else ""
        elif section == "META" and (found := _UNIT.search(line)):
            unit = found[1]
        elif line and section in rows:
            where = f"{place}:{line_number}"
            row = _native_row(where, section, line)
            if row is None:
                message = f"not a line of the section {section}: {shown(line)}"
                problems.append(Problem(where, message))
            else:
                rows[section].append(row)
    return _Sections(rows["NODES"], rows["LINKS"], rows["DEMANDS"], unit)


def _native_row(where: str, section: str, line: str) -> _Row | None:
    if section == "NODES":
        match = _NODE.match(line)
        return _Row(where, *match.groups()) if match else None
    if section == "LINKS":
        match = _LINK.match(line)
        return _Row(where, *match.groups()) if match else None
    match = _DEMAND.match(line)
    if match is None:
        return None
    name, source, target, times, value = match.groups()
    return _Row(where, name, source, target, value, times)


def _network(
    place: str, stem: str, found: _Sections, problems: list[Problem], options: ImportOptions
) -> Graph:
    unit_mbps, note = demand_unit(stem, found.unit, options)
    ids = {row.name for row in found.nodes}
    nodes = [_node(row, found.geographic is True, problems) for row in found.nodes]
    problems += _duplicates(found.nodes)
    for row in (*found.links, *found.demands):
        problems += _unknown_ends(row, ids)
    edges = [_edge(row, unit_mbps, problems) for row in found.links]
    demands = [_demand(row, unit_mbps, problems) for row in found.demands]
    if not found.nodes and not problems:
        problems.append(Problem(place, "has no nodes; there is nothing to import"))
    if problems:
        raise InputError(problems)
    return Graph(
        place=place,
        name=stem,
        source=f"{Path(place).name} (SNDlib)",
        nodes=nodes,
        edges=edges,
        demands=[demand for demand in demands if demand.rate_gbps > 0],
        drawn_on_globe=found.geographic is None,
        notes=[note] if note and found.demands else [],
    )


def demand_unit(name: str, told: str, options: ImportOptions) -> tuple[float, str]:
    """Mbit/s of one unit of a network's demands, and a note where that is assumed."""
    known = _NAMED_UNITS_MBPS.get(told.lower()) or UNITS_MBPS.get(name.lower())
    if options.demand_unit_mbps is not None:
        return options.demand_unit_mbps, ""
    if known is not None:
        return known, ""
    return 1.0, (
        "SNDlib does not say in which unit these demands are; "
        "1 Mbit/s is assumed (--demand-unit-mbps)"
    )


def _node(row: _Row, geographic: bool, problems: list[Problem]) -> Node:
    x, y = _number(row, "x", row.first, problems), _number(row, "y", row.second, problems)
    if x is None or y is None:
        return Node(row.name, row.name)
    if not geographic:
        return Node(row.name, row.name, drawn_at=(x, y))
    if not (-180 <= x <= 180 and -90 <= y <= 90):
        message = f"x and y must be degrees (-180 to 180, -90 to 90), not {x:g} and {y:g}"
        problems.append(Problem(row.where, message))
    return Node(row.name, row.name, position=(x, y))


def _edge(row: _Row, unit_mbps: float, problems: list[Problem]) -> Edge:
    capacity = _number(row, "capacity", row.value, problems)
    if capacity is not None and capacity < 0:
        problems.append(Problem(row.where, f"capacity must not be negative, not {capacity:g}"))
    # Zero says that the capacity is still to be planned.
    rate_gbps = capacity * unit_mbps / 1000 if capacity else None
    place = f"link {shown(row.name)} ({shown(row.first)} to {shown(row.second)})"
    return Edge(row.first, row.second, place, rate_gbps=rate_gbps)


def _demand(row: _Row, unit_mbps: float, problems: list[Problem]) -> FoundDemand:
    value = _number(row, "demand", row.value, problems) or 0.0
    times = _number(row, "routing unit", row.times, problems) or 0.0
    if value < 0 or times < 0:
        message = f"a demand must not be negative, not {row.times} × {row.value}"
        problems.append(Problem(row.where, message))
    return FoundDemand(row.first, row.second, value * times * unit_mbps / 1000)


def _number(row: _Row, what: str, value: str, problems: list[Problem]) -> float | None:
    try:
        return number(value)
    except NotANumberError as error:
        problems.append(Problem(row.where, f"{what} {error}, not {shown(value)}"))
        return None


def _duplicates(rows: Sequence[_Row]) -> Iterator[Problem]:
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            yield Problem(row.where, f"duplicate id {shown(row.name)}; ids are unique")
        seen.add(row.name)


def _unknown_ends(row: _Row, ids: set[str]) -> Iterator[Problem]:
    for end, node_id in (("source", row.first), ("target", row.second)):
        if node_id not in ids:
            hint = suggestion(node_id, sorted(ids))
            yield Problem(row.where, f"{end}: unknown node {shown(node_id)}{hint}")
