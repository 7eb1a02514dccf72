"""Land outlines: Natural Earth's, scale 1:50 million (public domain), for the map's background.

`land-50m.json.gz` is `land-50m.json` of the npm package world-atlas 2.0.2, compressed: TopoJSON
with quantised, delta-coded arcs (https://github.com/topojson/topojson-specification).
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topologies.maps.globe import Azimuthal, EqualEarth, Points, Projection

_FILE = "land-50m.json.gz"
# The whole globe in Lambert's azimuthal projection.
_RIM = 2.0
_LONGEST_EDGE_DEG = 2.0

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@cache
def land_rings() -> tuple[Points, ...]:
    """Every shore as a closed ring of longitudes and latitudes in degrees (first = last).

    A ring over the antimeridian goes on beyond ±180°; Antarctica's closes through the pole.
    """
    packed = files("topologies.maps").joinpath(_FILE).read_bytes()
    atlas = json.loads(gzip.decompress(packed))
    scale, shift = (np.array(atlas["transform"][key]) for key in ("scale", "translate"))
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in atlas["arcs"]]
    indices = _rings_of(atlas["objects"]["land"])
    return tuple(_unrolled(_ring(arcs, of_ring)) for of_ring in indices)


def share_on_land(rings: Sequence[Points], degrees: Points) -> float:
    """Which share of places stands on land; a network drawn on a plane stands in the sea."""
    inside = np.zeros(len(degrees), dtype=bool)
    low, high = degrees.min(axis=0), degrees.max(axis=0)
    for ring in rings:
        for turn in (-360.0, 0.0, 360.0):
            if _touches(ring, (low[0] + turn, low[1], high[0] + turn, high[1])):
                inside ^= _inside(ring, degrees + np.array([turn, 0.0]))
    return float(inside.mean())


def flat_land(rings: Sequence[Points], projection: Projection, box: Box) -> list[Points]:
    """The rings on the flat sheet, clipped to the box; fill them by the even-odd rule."""
    flat = list(_flat_rings(rings, projection))
    near = (ring for ring in flat if _touches(ring, box))
    return [clipped for ring in near if len(clipped := clip(ring, box)) > 2]


def clip(ring: Points, box: Box) -> Points:
    """The part of a closed ring inside a box (Sutherland and Hodgman 1974)."""
    for axis, limit, sign in ((0, box[0], 1), (1, box[1], 1), (0, box[2], -1), (1, box[3], -1)):
        ring = _clip_side(ring, axis, limit, sign)
        if len(ring) < 3:
            break
    return ring


def _rings_of(geometry: Any) -> Iterator[list[int]]:
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _rings_of(part)
    elif geometry["type"] == "MultiPolygon":
        for polygon in geometry["arcs"]:
            yield from polygon
    else:
        yield from geometry["arcs"]


def _ring(arcs: Sequence[Points], indices: Sequence[int]) -> Points:
    """One ring from its arcs; ~i stands for arc i backwards."""
    parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
    return np.vstack([parts[0], *(part[1:] for part in parts[1:])])


def _unrolled(ring: Points) -> Points:
    """A ring whose longitudes do not jump."""
    lon, lat = np.unwrap(ring[:, 0], period=360), ring[:, 1]
    if abs(lon[-1] - lon[0]) > 180:
        pole = 90.0 if lat.mean() > 0 else -90.0
        lon, lat = np.append(lon, (lon[-1], lon[0], lon[0])), np.append(lat, (pole, pole, lat[0]))
    return np.column_stack((lon, lat))


def _inside(ring: Points, degrees: Points) -> NDArray[np.bool_]:
    """Which places a ring encloses: a ray to the east crosses it an odd number of times."""
    inside = np.zeros(len(degrees), dtype=bool)
    low, high = ring.min(axis=0), ring.max(axis=0)
    near = np.flatnonzero(((degrees >= low) & (degrees <= high)).all(axis=1))
    (x1, y1), (x2, y2) = ring[:-1].T, ring[1:].T
    rise = np.where(y2 == y1, 1.0, y2 - y1)
    for index in near:
        lon, lat = degrees[index]
        crosses = (y1 > lat) != (y2 > lat)
        inside[index] = np.count_nonzero(crosses & (lon < x1 + (lat - y1) / rise * (x2 - x1))) % 2
    return inside


def _flat_rings(rings: Sequence[Points], projection: Projection) -> Iterator[Points]:
    if isinstance(projection, EqualEarth):
        for ring in rings:
            yield from (projection.flat(_dense(part)) for part in _turned(ring, projection.lon_deg))
        return
    yield from (projection.flat(ring) for ring in rings)
    if isinstance(projection, Azimuthal) and _antipode_on_land(rings, projection):
        turn = np.linspace(0, 2 * np.pi, 181)
        yield _RIM * np.column_stack((np.cos(turn), np.sin(turn)))


def _antipode_on_land(rings: Sequence[Points], projection: Azimuthal) -> bool:
    # The ring around the antipode comes out inside out; with the rim it is right again.
    lon_deg = (projection.lon_deg + 360) % 360 - 180
    return share_on_land(rings, np.array([[lon_deg, -projection.lat_deg]])) > 0


def _turned(ring: Points, meridian_deg: float) -> Iterator[Points]:
    """A ring's parts inside the 360° around a meridian."""
    for turn in (-720.0, -360.0, 0.0, 360.0, 720.0):
        moved = ring + np.array([turn, 0.0])
        box = (meridian_deg - 180, -90.0, meridian_deg + 180, 90.0)
        if _touches(moved, box) and len(part := clip(moved, box)) > 2:
            yield part


def _dense(ring: Points) -> Points:
    """More points on long edges, which are curves on the sheet."""
    closed = np.vstack((ring, ring[:1]))
    parts = []
    for start, end in itertools.pairwise(closed):
        count = int(np.abs(end - start).max() / _LONGEST_EDGE_DEG) + 1
        parts.append(start + (end - start) * (np.arange(count) / count)[:, None])
    return np.vstack(parts)


def _touches(ring: Points, box: Box) -> bool:
    low, high = ring.min(axis=0), ring.max(axis=0)
    return bool(low[0] <= box[2] and high[0] >= box[0] and low[1] <= box[3] and high[1] >= box[1])


def _clip_side(ring: Points, axis: int, limit: float, sign: int) -> Points:
    depth = (ring[:, axis] - limit) * sign
    inside = depth >= 0
    if inside.all():
        return ring
    if not inside.any():
        return ring[:0]
    after, depth_after = np.roll(ring, -1, axis=0), np.roll(depth, -1)
    crosses = inside != (depth_after >= 0)
    share = np.where(crosses, depth / np.where(crosses, depth - depth_after, 1), 0)[:, None]
    at = ring + share * (after - ring)
    # Each edge gives its start if that is inside, then the point at which it crosses.
    both = np.stack((ring, at), axis=1).reshape(-1, 2)
    return np.asarray(both[np.column_stack((inside, crosses)).ravel()])
