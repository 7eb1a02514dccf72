"""Real networks from TopoHub (the package `topohub`: Topology Zoo, SNDlib, CAIDA and more).

Node names become site ids, coordinates and link lengths are taken as they are. Gabriel
graphs are drawn on a plane in km; their plane is laid onto the equator.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import topohub

from topologies.checks import RESERVED_SITE_IDS
from topologies.load import check_topology
from topologies.physics import SHORTEST_KM
from topologies.problems import InputError, Problem, dotted, shown, suggestion
from topologies.spec import Topology

DEFAULT_RATE_GBPS = 100.0
_LONGEST_ID = 15
_PLANE_GROUP = "gabriel/"
_KM_PER_DEGREE = 111.195  # of a great circle on a sphere of the Earth's mean radius
# Letters that decompose into no base letter and accent.
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "þ": "th"})


def topohub_keys() -> list[str]:
    """Every key that `import_topohub` knows, such as `topozoo/AttMpls`."""
    return sorted(_keys_under(files(topohub) / "data", ""))


def import_topohub(key: str) -> Topology:
    """The network `key` with a `pop` and one host at each node.

    Spans have the graph's own lengths and DEFAULT_RATE_GBPS. Raises InputError when there
    is no such key, and with the reason when the graph cannot be built: no coordinates on the
    globe, or not connected.
    """
    keys = topohub_keys()
    if key not in keys:
        groups = ", ".join(sorted({known.split("/")[0] for known in keys}))
        hint = suggestion(key, keys) or f"; its groups are: {groups}"
        raise InputError([Problem(key, f"TopoHub has no network {shown(key)}{hint}")])
    graph = topohub.get(key)
    problems = list(_position_problems(key, graph["nodes"]))
    if problems:
        raise InputError(problems)
    return check_topology(_topology_data(key, graph), lambda place: f"{key}: {dotted(place)}")


def _keys_under(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _keys_under(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".json"):
            yield prefix + entry.name.removesuffix(".json")


def _position_problems(key: str, nodes: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Why the nodes cannot be placed on the globe, each reason once."""
    for reason, is_wrong in (
        ("has no coordinates", _has_no_position),
        ("stands at coordinates of a drawing, not degrees", _is_off_the_globe),
    ):
        wrong = [node for node in nodes if is_wrong(node)]
        if wrong and not (is_wrong is _is_off_the_globe and key.startswith(_PLANE_GROUP)):
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            message = f"node {_name(wrong[0])!r}{more} {reason}; choose another network"
            yield Problem(f"{key}: nodes[{nodes.index(wrong[0])}].pos", message)


def _has_no_position(node: Mapping[str, Any]) -> bool:
    position = node.get("pos")
    return not (
        isinstance(position, list | tuple)
        and len(position) == 2
        and all(isinstance(part, int | float) for part in position)
    )


def _is_off_the_globe(node: Mapping[str, Any]) -> bool:
    if _has_no_position(node):
        return False
    lon, lat = node["pos"]
    return not (-180 <= lon <= 180 and -90 <= lat <= 90)


def _topology_data(key: str, graph: Mapping[str, Any]) -> dict[str, Any]:
    nodes = graph["nodes"]
    site_ids = dict(
        zip((node["id"] for node in nodes), _unique_ids([_name(n) for n in nodes]), strict=True)
    )
    scale = 1 / _KM_PER_DEGREE if key.startswith(_PLANE_GROUP) else 1.0
    version = getattr(topohub, "__version__", "unknown version")
    return {
        "name": key,
        "source": f"TopoHub {version}, {key}; lengths and coordinates are TopoHub's.",
        "route_factor": 1.0,
        "sites": [_site(site_ids[node["id"]], node, scale) for node in nodes],
        "spans": list(_spans(site_ids, graph["edges"])),
    }


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name") or f"n{node['id']}")


def _site(site_id: str, node: Mapping[str, Any], degrees_per_unit: float) -> dict[str, Any]:
    lon, lat = node["pos"]
    return {
        "id": site_id,
        "name": _name(node),
        "kind": "pop",
        "lat_deg": lat * degrees_per_unit,
        "lon_deg": lon * degrees_per_unit,
        "hosts": [{"role": "host", "rate_gbps": DEFAULT_RATE_GBPS}],
    }


def _spans(
    site_ids: Mapping[Any, str], edges: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    used: set[str] = set()
    for edge in edges:
        a, b = site_ids[edge["source"]], site_ids[edge["target"]]
        yield {
            "id": _unused(f"{a}-{b}", used, longest=64),
            "a": a,
            "b": b,
            "length_km": max(SHORTEST_KM, float(edge["dist"])),
            "rate_gbps": DEFAULT_RATE_GBPS,
        }


def _unique_ids(names: Sequence[str]) -> list[str]:
    used = set(RESERVED_SITE_IDS)
    return [_unused(_slug(name), used, _LONGEST_ID) for name in names]


def _slug(name: str) -> str:
    """A site id from any name: plain lower-case letters, digits and hyphens."""
    parts = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    plain = parts.encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not slug or not slug[0].isalpha():
        slug = f"n{slug}"
    return slug[:_LONGEST_ID].rstrip("-")


def _unused(wanted: str, used: set[str], longest: int) -> str:
    """`wanted`, or with a number at its end; it is used from now on."""
    number, candidate = 1, wanted
    while candidate in used:
        number += 1
        tail = f"-{number}"
        candidate = wanted[: longest - len(tail)].rstrip("-") + tail
    used.add(candidate)
    return candidate
