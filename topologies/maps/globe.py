"""From degrees on the globe to a flat sheet: great circles and two projections.

A network within 65° of its middle is drawn in Lambert's azimuthal equal-area projection around
that middle; a larger one in the Equal Earth projection (Šavrič, Patterson and Jenny 2018, doi
10.1080/13658816.2018.1504949), cut where the network has its widest gap. Points are arrays of
shape (n, 2): longitude and latitude in degrees, or x to the right and y downwards in radians.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Beyond it an azimuthal map bends what people know too far.
_WIDEST_AZIMUTHAL_DEG = 65.0
# A point on the map's edge must not come out at the other edge.
_ROUNDING_DEG = 1e-6
_EQUAL_EARTH = (1.340264, -0.081106, 0.000893, 0.003796)


class Projection(Protocol):
    """How the globe is laid flat."""

    def flat(self, degrees: Points) -> Points:
        """Longitude and latitude in degrees to x and y (downwards) in radians."""
        ...


@dataclass(frozen=True, slots=True)
class Azimuthal:
    """Lambert's azimuthal equal-area projection around a point (Snyder 1987, p. 185)."""

    lon_deg: float
    lat_deg: float

    def flat(self, degrees: Points) -> Points:
        """As Projection.flat; the antipode of the middle lands on the circle of radius 2."""
        lon, lat = np.radians(degrees[:, 0] - self.lon_deg), np.radians(degrees[:, 1])
        lat0 = np.radians(self.lat_deg)
        cosine = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon)
        k = np.sqrt(2 / np.maximum(1 + cosine, 1e-9))
        x = k * np.cos(lat) * np.sin(lon)
        y = k * (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon))
        return np.column_stack((x, -y))


@dataclass(frozen=True, slots=True)
class EqualEarth:
    """The Equal Earth projection around a meridian; the map ends 180° from it."""

    lon_deg: float

    def flat(self, degrees: Points) -> Points:
        """As Projection.flat; longitudes may reach from -180° to 180° around the meridian."""
        lon, lat = np.radians(self.relative_deg(degrees[:, 0])), np.radians(degrees[:, 1])
        theta = np.arcsin(np.sqrt(3) / 2 * np.sin(lat))
        a1, a2, a3, a4 = _EQUAL_EARTH
        t2, t6 = theta**2, theta**6
        slope = a1 + 3 * a2 * t2 + t6 * (7 * a3 + 9 * a4 * t2)
        x = 2 * np.sqrt(3) / 3 * lon * np.cos(theta) / slope
        y = theta * (a1 + a2 * t2 + t6 * (a3 + a4 * t2))
        return np.column_stack((x, -y))

    def relative_deg(self, lon_deg: NDArray[np.float64]) -> NDArray[np.float64]:
        """Longitudes counted from the map's meridian, the two edges kept apart."""
        turned = lon_deg - self.lon_deg
        wrapped: NDArray[np.float64] = (turned + 180) % 360 - 180
        return np.where(np.abs(turned) <= 180 + _ROUNDING_DEG, turned, wrapped)


def choose_projection(degrees: Points) -> Projection:
    """The projection for places at these longitudes and latitudes."""
    middle, radius_deg = _smallest_cap(unit_vectors(degrees))
    if radius_deg <= _WIDEST_AZIMUTHAL_DEG:
        lon, lat = to_degrees(middle[None, :])[0]
        return Azimuthal(float(lon), float(lat))
    return EqualEarth(_opposite_the_widest_gap(degrees[:, 0]))


def unit_vectors(degrees: Points) -> NDArray[np.float64]:
    """Longitudes and latitudes in degrees as unit vectors, shape (n, 3)."""
    lon, lat = np.radians(degrees[:, 0]), np.radians(degrees[:, 1])
    return np.column_stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))


def to_degrees(vectors: NDArray[np.float64]) -> Points:
    """Vectors (n, 3) of any length as longitudes and latitudes in degrees."""
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    lat = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
    return np.column_stack((lon, lat))


def great_circle(a: Points, b: Points) -> Points:
    """The shortest way from `a` to `b` (each of shape (2,)), as points of at most 3° apart."""
    start, end = unit_vectors(np.vstack((a, b)))
    angle = float(np.arctan2(np.linalg.norm(np.cross(start, end)), start @ end))
    count = max(9, int(np.degrees(angle) / 3) + 2)
    share = np.linspace(0, 1, count)[:, None]
    if angle < 1e-9 or np.pi - angle < 1e-9:
        return np.asarray(a + (b - a) * share)
    way = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
    return to_degrees(way)


def pieces(projection: Projection, degrees: Points) -> list[Points]:
    """A way as one piece, or as two if it leaves the map at one edge and comes in at the other."""
    if not isinstance(projection, EqualEarth):
        return [degrees]
    lon = projection.relative_deg(degrees[:, 0])
    jumps = np.flatnonzero(np.abs(np.diff(lon)) > 180)
    if not jumps.size:
        return [degrees]
    cut = int(jumps[0]) + 1
    side = float(np.sign(lon[cut - 1]))
    share = (180 - abs(lon[cut - 1])) / (360 - abs(lon[cut] - lon[cut - 1]) or 1)
    lat = degrees[cut - 1, 1] + share * (degrees[cut, 1] - degrees[cut - 1, 1])
    ends = [np.array([[projection.lon_deg + s * 180, lat]]) for s in (side, -side)]
    return [np.vstack((degrees[:cut], ends[0])), np.vstack((ends[1], degrees[cut:]))]


def _smallest_cap(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Nearly the smallest cap that holds all points: its middle and its radius in degrees.

    The method of Bădoiu and Clarkson (2003): step towards the farthest point, less each time.
    """
    middle = vectors.mean(axis=0)
    if np.linalg.norm(middle) < 1e-6:
        middle = vectors[0]
    for step in range(2, 200):
        middle = middle / np.linalg.norm(middle)
        farthest = vectors[np.argmin(vectors @ middle)]
        middle = middle + (farthest - middle) / step
    middle = middle / np.linalg.norm(middle)
    cosine = float(np.clip((vectors @ middle).min(), -1, 1))
    return middle, float(np.degrees(np.arccos(cosine)))


def _opposite_the_widest_gap(lon_deg: NDArray[np.float64]) -> float:
    ordered = np.sort(lon_deg % 360)
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    widest = int(np.argmax(gaps))
    return float((ordered[widest] + gaps[widest] / 2) % 360 - 180)
