"""GraphML files, Topology Zoo's among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree.ElementTree import Element

import networkx as nx
from defusedxml.ElementTree import tostring

from topologies.imports.graph import Graph
from topologies.imports.networkx_graphs import READ_ERRORS, cannot_read, graph_from_networkx
from topologies.imports.options import ImportOptions
from topologies.problems import InputError, Problem, shown, suggestion


def read_graphml(place: str, stem: str, root: Element, options: ImportOptions) -> Graph:
    """The first graph of a GraphML document. Raises InputError."""
    graphs = [child for child in root if local_name(child.tag) == "graph"]
    if not graphs:
        raise InputError([Problem(place, "has no <graph>; there is nothing to import")])
    problems = list(_end_problems(place, graphs[0]))
    if problems:
        raise InputError(problems)
    try:
        found = nx.parse_graphml(_untyped(root), force_multigraph=True)
    except READ_ERRORS as error:
        raise cannot_read(place, "GraphML", error) from None
    is_yed = any(key.get("yfiles.type") for key in _children(root, "key"))
    return replace(graph_from_networkx(place, stem, found, options), y_points_down=is_yed)


def _untyped(root: Element) -> str:
    """The document with all values as texts: a wrong one then has its place in our message."""
    for key in _children(root, "key"):
        key.set("attr.type", "string")
    text: str = tostring(root, encoding="unicode")
    return text


def local_name(tag: object) -> str:
    """An element's name without its namespace (empty for comments)."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _end_problems(place: str, graph: Element) -> Iterator[Problem]:
    """What NetworkX would let pass: unknown ends become nodes there, equal ids one node."""
    ids: dict[str, None] = {}
    for index, node in enumerate(_children(graph, "node")):
        node_id = node.get("id")
        if node_id is None:
            yield Problem(f"{place}: node {index}", "the attribute 'id' is missing; add it")
        elif node_id in ids:
            message = f"duplicate id {shown(node_id)}; ids are unique"
            yield Problem(f"{place}: node {index}", message)
        else:
            ids[node_id] = None
    for index, edge in enumerate(_children(graph, "edge")):
        for end in ("source", "target"):
            node_id = edge.get(end)
            if node_id is None:
                message = f"the attribute {end!r} is missing; add it"
                yield Problem(f"{place}: edge {index}", message)
            elif node_id not in ids:
                message = f"{end}: unknown node {shown(node_id)}{suggestion(node_id, list(ids))}"
                yield Problem(f"{place}: edge {index}", message)


def _children(graph: Element, kind: str) -> list[Element]:
    return [child for child in graph if local_name(child.tag) == kind]
