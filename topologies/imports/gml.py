"""GML files, Topology Zoo's among them.

NetworkX wants ASCII, and refuses parallel edges in a graph that does not call itself a
multigraph, as none of Topology Zoo's does. Labels may be equal, so nodes go by their ids.
"""

from __future__ import annotations

import re

import networkx as nx

from topologies.imports.graph import Graph
from topologies.imports.networkx_graphs import READ_ERRORS, cannot_read, graph_from_networkx
from topologies.imports.options import ImportOptions
from topologies.problems import InputError, Problem

_GRAPH = re.compile(r"^\s*graph\s*\[", re.MULTILINE | re.IGNORECASE)


def read_gml(place: str, stem: str, text: str, options: ImportOptions) -> Graph:
    """The graph of a GML text. Raises InputError."""
    if not _GRAPH.search(text):
        raise InputError([Problem(place, "not valid GML: there is no 'graph ['")])
    plain = text.encode("ascii", "xmlcharrefreplace").decode("ascii")
    plain = _GRAPH.sub(r"\g<0> multigraph 1 ", plain, count=1)
    try:
        found = nx.parse_gml(plain, label="id")
    except READ_ERRORS as error:
        raise cannot_read(place, "GML", error) from None
    return graph_from_networkx(place, stem, found, options)
