"""From a graph as NetworkX read it to a Graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx

from topologies.files import reason
from topologies.imports.attributes import Attributes
from topologies.imports.graph import Graph
from topologies.imports.options import ImportOptions
from topologies.problems import InputError, Problem

# What NetworkX's readers raise for files that are not what they say.
READ_ERRORS = (
    nx.NetworkXError, ValueError, TypeError, KeyError, AttributeError, IndexError,
    OverflowError, RecursionError,
)  # fmt: skip


def graph_from_networkx(
    place: str, stem: str, found: nx.Graph[Any], options: ImportOptions
) -> Graph:
    """The Graph of what NetworkX found in the file `place`. Raises InputError."""
    attributes = Attributes(place, options)
    nodes = {node: attributes.node(str(node), data) for node, data in found.nodes(data=True)}
    edges = [attributes.edge((nodes[a], nodes[b]), data) for a, b, data in found.edges(data=True)]
    if attributes.problems:
        raise InputError(attributes.problems)
    network = found.graph.get("Network") or found.graph.get("name") or stem
    return Graph(
        place=place,
        name=" ".join(str(network).split()) or stem,
        source=_source(place, found.graph),
        nodes=list(nodes.values()),
        edges=edges,
        directed=found.is_directed(),
        notes=attributes.notes(),
    )


def cannot_read(place: str, kind: str, error: Exception) -> InputError:
    """The error for a file that NetworkX refuses, in one line."""
    told = "nested too deeply" if isinstance(error, RecursionError) else reason(error)
    return InputError([Problem(place, f"not valid {kind}: {told}")])


def _source(place: str, data: Mapping[str, Any]) -> str:
    """Where the file says it is from: Topology Zoo has a `Source` and a `NetworkDate`."""
    told = [str(data[key]) for key in ("Source", "NetworkDate", "Creator") if data.get(key)]
    return Path(place).name + (f" ({', '.join(told)})" if told else "")
