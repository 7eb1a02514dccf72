"""SVG's building blocks: paths, site symbols, numbers that take little room."""

from __future__ import annotations

import math
from html import escape

from topologies.maps.globe import Points
from topologies.spec import SiteKind

# Symbols that are drawn hollow: the places at the rim of the network.
HOLLOW = frozenset({SiteKind.EDGE, SiteKind.ENTERPRISE})
# Below this deviation a curve is a straight line.
_STRAIGHT_PX = 0.25


def number(value: float) -> str:
    """A coordinate in tenths of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def text(words: str) -> str:
    """Words as they stand in an element or an attribute."""
    return escape(words, quote=True)


def ring_path(ring: Points) -> str:
    """A closed outline, each point relative to the one before."""
    tenths = (ring * 10).round().astype(int)
    steps = tenths[1:] - tenths[:-1]
    moves = "".join(f"{_signed(x)}{_signed(y)}" for x, y in steps.tolist() if x or y)
    return f"M{number(ring[0, 0])} {number(ring[0, 1])}l{moves}z"


def line_path(line: Points) -> str:
    """A smooth line through all points (a Catmull-Rom spline), straight if it is nearly so."""
    x, y = line[0]
    start = f"M{number(x)} {number(y)}"
    if _is_straight(line):
        return f"{start}L{number(line[-1, 0])} {number(line[-1, 1])}"
    curves = []
    for i in range(len(line) - 1):
        before, after = line[max(0, i - 1)], line[min(len(line) - 1, i + 2)]
        first = line[i] + (line[i + 1] - before) / 6
        second = line[i + 1] - (after - line[i]) / 6
        curves.append(" ".join(number(v) for point in (first, second, line[i + 1]) for v in point))
    return f"{start}C{' '.join(curves)}"


def symbol(kind: SiteKind, radius: float) -> str:
    """A site's symbol around the origin, as an element without a class."""
    if kind in (SiteKind.METRO, SiteKind.POP):
        return f'<circle r="{number(radius)}" '
    corners, turn = {
        SiteKind.CAMPUS: (4, 45), SiteKind.CLOUD: (6, 0), SiteKind.EDGE: (3, -90),
        SiteKind.ENTERPRISE: (4, 0),
    }[kind]  # fmt: skip
    # Fewer corners cover less: about equal areas look equally large.
    reach = radius * {3: 1.3, 4: 1.15, 6: 1.08}[corners]
    points = (
        (reach * math.cos(angle), reach * math.sin(angle))
        for angle in (math.radians(turn + 360 * i / corners) for i in range(corners))
    )
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polygon points="{path}" '


def _signed(tenths: int) -> str:
    whole, part = divmod(abs(tenths), 10)
    digits = f"{whole}.{part}" if part else f"{whole}"
    return f"-{digits.lstrip('0') or '0'}" if tenths < 0 else f" {digits}"


def _is_straight(line: Points) -> bool:
    (x, y), (dx, dy) = line[0], line[-1] - line[0]
    length = math.hypot(dx, dy)
    if not length:
        return True
    off = (line[:, 0] - x) * dy - (line[:, 1] - y) * dx
    return bool(abs(off).max() / length < _STRAIGHT_PX)
