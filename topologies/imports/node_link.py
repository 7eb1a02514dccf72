"""NetworkX's node-link JSON: `nodes` with an `id`, `edges` (or `links`) with `source`, `target`.

TopoHub's files are of this kind: nodes have a `pos` (longitude, latitude) and edges a `dist`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from topologies.imports.attributes import Attributes
from topologies.imports.graph import Edge, Graph, Node
from topologies.imports.options import ImportOptions
from topologies.imports.quantities import number
from topologies.problems import InputError, Problem, shown, suggestion

_EDGE_KEYS = ("edges", "links")


def is_node_link(data: Any) -> bool:
    """Whether JSON data is a graph of this kind and not a topology of our own."""
    return isinstance(data, Mapping) and "nodes" in data and "sites" not in data


def read_node_link(place: str, stem: str, data: Mapping[str, Any], options: ImportOptions) -> Graph:
    """The graph in node-link data. Raises InputError with all its problems."""
    attributes = Attributes(place, options)
    nodes = dict(_nodes(place, data, attributes))
    edges = list(_edges(place, data, nodes, attributes))
    if attributes.problems:
        raise InputError(attributes.problems)
    about = data.get("graph")
    name = about.get("name") if isinstance(about, Mapping) else None
    return Graph(
        place=place,
        name=" ".join(str(name).split()) if name else stem,
        source=Path(place).name,
        nodes=list(nodes.values()),
        edges=edges,
        directed=data.get("directed") is True,
        drawn_on_globe=any("pos" in node for node in data["nodes"] if isinstance(node, Mapping)),
        notes=attributes.notes(),
    )


def _records(
    place: str, data: Mapping[str, Any], keys: Sequence[str], attributes: Attributes
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each record of a list with its place, such as `nodes[3]`."""
    key = next((key for key in keys if key in data), keys[0])
    records = data.get(key)
    if not isinstance(records, list):
        missing = "this field is missing; add it"
        message = f"must be a list, not {shown(records)}" if key in data else missing
        attributes.problems.append(Problem(f"{place}: {key}", message))
        return
    for index, record in enumerate(records):
        if isinstance(record, Mapping):
            yield f"{key}[{index}]", record
        else:
            message = f"must be a mapping, not {shown(record)}"
            attributes.problems.append(Problem(f"{place}: {key}[{index}]", message))


def _nodes(
    place: str, data: Mapping[str, Any], attributes: Attributes
) -> Iterator[tuple[str, Node]]:
    seen: set[str] = set()
    for where, record in _records(place, data, ("nodes",), attributes):
        if not _is_id(record.get("id")):
            message = f"id must be a text or a whole number, not {shown(record.get('id'))}"
            attributes.problems.append(Problem(f"{place}: {where}", message))
            continue
        node_id = str(record["id"])
        if node_id in seen:
            message = f"duplicate id {shown(record['id'])}; ids are unique"
            attributes.problems.append(Problem(f"{place}: {where}", message))
        seen.add(node_id)
        yield node_id, attributes.node(node_id, _placed(where, record, attributes))


def _placed(where: str, record: Mapping[str, Any], attributes: Attributes) -> Mapping[str, Any]:
    """With `pos` as x and y."""
    pos = record.get("pos")
    if pos is None:
        return record
    try:
        x, y = (number(part) for part in pos)
    except (TypeError, ValueError):
        attributes.wrong(where, "pos", pos, "must be [longitude, latitude]")
        return record
    return {**record, "x": x, "y": y}


def _edges(
    place: str, data: Mapping[str, Any], nodes: Mapping[str, Node], attributes: Attributes
) -> Iterator[Edge]:
    for where, record in _records(place, data, _EDGE_KEYS, attributes):
        ends = []
        for end in ("source", "target"):
            node_id = record.get(end)
            if _is_id(node_id) and str(node_id) in nodes:
                ends.append(nodes[str(node_id)])
                continue
            message = f"unknown node {shown(node_id)}{suggestion(node_id, list(nodes))}"
            if end not in record:
                message = "this field is missing; add it"
            attributes.problems.append(Problem(f"{place}: {where}.{end}", message))
        if len(ends) == 2:
            yield attributes.edge(ends, record)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
