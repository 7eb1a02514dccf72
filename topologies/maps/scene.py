"""What a map shows, in pixels, before anything is drawn: the data behind SVG and HTML.

A scene is made by `layout.make_scene`; `svg` and `page` only draw it.
"""

from __future__ import annotations

from dataclasses import dataclass

from topologies.maps.globe import Points
from topologies.spec import FibreType, SiteKind

Facts = tuple[tuple[str, str], ...]
"""What is told about a thing when it is pointed at: pairs of a word and its value."""


@dataclass(frozen=True, slots=True)
class SiteMark:
    """A site's symbol. A site that others would cover stands a little aside."""

    id: str
    name: str
    kind: SiteKind
    x: float
    y: float
    radius: float
    is_controller: bool
    facts: Facts


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A span's line: one piece, or two if it leaves the map at one edge and re-enters."""

    id: str
    a: str
    b: str
    pieces: tuple[Points, ...]
    width: float
    fibre: FibreType
    rate_gbps: float
    subsea: bool
    conduits: tuple[str, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class ConduitMark:
    """A conduit: its letter in the legend, and where that letter stands on each of its spans."""

    name: str
    letter: str
    spans: tuple[str, ...]
    badges: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A site's name; `zoom` is the least enlargement at which there is room for it."""

    site: str
    text: str
    x: float
    y: float
    dx: float
    dy: float
    anchor: str
    zoom: float


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A length on the ground and on the map, true in the middle of the map."""

    km: float
    px: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A map. Lengths are pixels, y goes down; the origin is the upper left corner."""

    title: str
    width: float
    height: float
    graticule: tuple[Points, ...]
    land: tuple[Points, ...]
    spans: tuple[SpanLine, ...]
    sites: tuple[SiteMark, ...]
    conduits: tuple[ConduitMark, ...]
    labels: tuple[Label, ...]
    scale_bar: ScaleBar
