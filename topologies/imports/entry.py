"""The ways in: a file's path, or a key of TopoHub."""

from __future__ import annotations

from pathlib import Path

from topologies.imports.files import is_graph_file, read_graph
from topologies.imports.options import DEFAULTS, ImportOptions
from topologies.imports.topohub import guessed, read_topohub, topohub_keys
from topologies.imports.topology import topology_of
from topologies.spec import Topology

__all__ = ["import_file", "import_topohub", "is_graph_file", "topohub_hint"]


def import_file(path: Path, options: ImportOptions = DEFAULTS) -> Topology:
    """The network in a graph file (`is_graph_file`), with notes on what was assumed.

    Raises InputError with all its problems.
    """
    return topology_of(read_graph(path, options), options)


def import_topohub(key: str, options: ImportOptions = DEFAULTS) -> Topology:
    """The network `key` of TopoHub. Raises InputError when it is none, or cannot be built."""
    return topology_of(read_topohub(key, options), options)


def topohub_hint(name: str) -> str:
    """` (did you mean 'topozoo/AttMpls'?)` for a name without its group, else an empty text."""
    guess = guessed(name, topohub_keys())
    return f" (did you mean {guess!r}?)" if guess else ""
