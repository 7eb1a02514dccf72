"""Real networks from TopoHub (the package `topohub`: Topology Zoo, SNDlib, CAIDA and more).

Coordinates and link lengths are taken as they are. Gabriel graphs are drawn on a plane in km,
which is laid onto the equator; some of SNDlib's networks are drawings without a scale.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import topohub

from topologies.imports.graph import FoundDemand, Graph, Node
from topologies.imports.node_link import read_node_link
from topologies.imports.options import ImportOptions
from topologies.imports.positions import KM_PER_DEGREE, is_on_globe
from topologies.imports.sndlib import demand_unit
from topologies.problems import InputError, Problem, shown

_LIKE = 0.75
_PLANE_GROUP = "gabriel/"
# It fits the globe by chance: on a map of degrees India would lie in Africa.
_DRAWINGS = frozenset({"sndlib/india35"})
_KEY = re.compile(r"\w[\w-]*(/\w[\w-]*)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TopohubEntry:
    """What a list says of one network."""

    key: str
    sites: int
    spans: int
    demands: int
    is_drawing: bool
    """It has no scale, and is refused unless one is declared."""


def topohub_keys() -> list[str]:
    """Every key of TopoHub, such as `topozoo/AttMpls`."""
    return sorted(_keys_under(files(topohub) / "data", ""))


def find_topohub(word: str = "") -> list[TopohubEntry]:
    """The networks whose key has `word` in it, in any case.

    Raises InputError when there is none, with what is near.
    """
    keys = topohub_keys()
    found = [key for key in keys if word.lower() in key.lower()]
    if not found:
        raise InputError(
            [Problem(shown(word), f"TopoHub has no such network{nearest(word, keys)}")]
        )
    return [_entry(key) for key in found]


def read_topohub(key: str, options: ImportOptions) -> Graph:
    """The graph of one key. Raises InputError when there is none, with what is near."""
    if not _is_key(key):
        message = f"TopoHub has no network {shown(key)}{nearest(key, topohub_keys())}"
        raise InputError([Problem(key, message)])
    data = topohub.get(key)
    version = getattr(topohub, "__version__", "unknown version")
    found = read_node_link(key, key, _told_lengths(key, data), ImportOptions())
    nodes = found.nodes
    if not _is_drawing(key, data):
        scale = 1 / KM_PER_DEGREE if key.startswith(_PLANE_GROUP) else 1.0
        nodes = [_on_globe(node, scale) for node in nodes]
    demands, note = _demands(key, data["graph"].get("demands") or {}, options)
    return replace(
        found,
        name=key,
        nodes=nodes,
        drawn_on_globe=False,
        source=f"TopoHub {version}, {key}; lengths and coordinates are TopoHub's.",
        demands=demands,
        notes=[note] if note and demands else [],
    )


def nearest(word: str, keys: Sequence[str]) -> str:
    """A hint at the key that a wrong one may have meant; its last part alone is enough."""
    guess = guessed(word, keys)
    groups = ", ".join(sorted({key.split("/")[0] for key in keys}))
    told = f"; its groups are: {groups}; see fibercut list --topohub"
    return f" (did you mean {guess!r}?)" if guess else told


def guessed(word: str, keys: Sequence[str]) -> str | None:
    """The key that is like `word`, or whose last part is like that of `word`, in any case."""
    wholes = {key.lower(): key for key in keys}
    lasts = {key.rpartition("/")[2].lower(): key for key in reversed(keys)}
    last = word.rpartition("/")[2].lower()
    guesses = [(word.lower(), wholes), (last, lasts)]
    for wanted, known in guesses if "/" in word and last not in lasts else reversed(guesses):
        if near := difflib.get_close_matches(wanted, known, n=1, cutoff=_LIKE):
            return known[near[0]]
    return None


def _on_globe(node: Node, degrees_per_unit: float) -> Node:
    if node.drawn_at is None:
        return node
    x, y = node.drawn_at
    position = (round(x * degrees_per_unit, 6), round(y * degrees_per_unit, 6))
    return replace(node, position=position, drawn_at=None)


def _told_lengths(key: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Without lengths that were computed from a drawing's coordinates as if they were degrees."""
    if not _is_drawing(key, data):
        return dict(data)
    bare = [{k: v for k, v in edge.items() if k != "dist"} for edge in data["edges"]]
    return {**data, "edges": bare}


def _is_drawing(key: str, data: Mapping[str, Any]) -> bool:
    if key.startswith(_PLANE_GROUP):
        return False
    points = (node["pos"] for node in data["nodes"])
    return key in _DRAWINGS or not all(is_on_globe((lon, lat)) for lon, lat in points)


def _demands(
    key: str, matrix: Mapping[Any, Mapping[Any, float]], options: ImportOptions
) -> tuple[list[FoundDemand], str]:
    unit_mbps, note = demand_unit(key.rpartition("/")[2], "", options)
    found = [
        FoundDemand(str(a), str(b), value * unit_mbps / 1000)
        for a, row in matrix.items()
        for b, value in row.items()
        if value > 0
    ]
    return found, note


def _entry(key: str) -> TopohubEntry:
    data = topohub.get(key)
    demands = data["graph"].get("demands") or {}
    return TopohubEntry(
        key=key,
        sites=len(data["nodes"]),
        spans=len(data["edges"]),
        demands=sum(len(row) for row in demands.values()),
        is_drawing=_is_drawing(key, data),
    )


def _is_key(key: str) -> bool:
    return bool(_KEY.fullmatch(key)) and (files(topohub) / "data" / f"{key}.json").is_file()


def _keys_under(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _keys_under(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".json"):
            yield prefix + entry.name.removesuffix(".json")
