"""From a topology to a scene: where everything stands on the sheet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np

from topologies.maps import facts
from topologies.maps.globe import Points, Projection, choose_projection, great_circle, pieces
from topologies.maps.labels import place_labels
from topologies.maps.land import flat_land, land_rings, share_on_land
from topologies.maps.lines import (
    apart,
    around_others,
    length_px,
    middle,
    moved_aside,
    parallel_offsets,
    sampled,
    with_ends,
)
from topologies.maps.scene import ConduitMark, Label, ScaleBar, Scene, SiteMark, SpanLine
from topologies.physics import EARTH_RADIUS_KM
from topologies.spec import SiteKind, Topology, Transceiver

WIDTH_PX = 960.0
# Room for names at the sides, and for symbols above and below.
_SIDE_PX, _MARGIN_PX = 72.0, 40.0
_LEAST_HEIGHT_PX, _MOST_HEIGHT_PX = 300.0, 760.0
# Below it Natural Earth's shores (1:50 million) would be off by what the map shows.
_FINEST_LAND_KM_PER_PX = 0.25
_MOST_LABELLED = 150
_ORIGIN_DEG, _WIDEST_PLANE_DEG = 1.5, 60.0
# Cable stations and branching units stand in the sea; half of a real network may be such.
_LEAST_ON_LAND = 0.3
_MOST_LETTERED = len(ascii_uppercase)
# On shorter lines a letter would cover the symbols at the ends.
_SHORTEST_LETTERED_PX = 34.0
ZOOMS = (0.4, 0.6, 0.8, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0, 25.0)
_PRINTED_ZOOM = (1.0,)
_KIND_SIZES = {
    SiteKind.CAMPUS: 1.35, SiteKind.CLOUD: 1.25, SiteKind.METRO: 1.0,
    SiteKind.ENTERPRISE: 1.05, SiteKind.EDGE: 0.85, SiteKind.POP: 0.8,
}  # fmt: skip
_GRATICULE_DEG = (30, 15, 10, 5, 2, 1)


@dataclass(frozen=True, slots=True)
class MapOptions:
    """What to leave out, and how large the map is.

    land: outlines behind the network; None for where most sites stand on land.
    interactive: place names for every zoom, and finer outlines.
    """

    width_px: float = WIDTH_PX
    labels: bool = True
    land: bool | None = None
    interactive: bool = False


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The projection and how it is laid onto the map."""

    projection: Projection
    px_per_rad: float
    shift: Points
    width: float
    height: float

    def px(self, degrees: Points) -> Points:
        return np.asarray(self.projection.flat(degrees) * self.px_per_rad + self.shift)


def make_scene(topology: Topology, options: MapOptions | None = None) -> Scene:
    """The map of a topology; what it shows depends on nothing but the two."""
    options = options or MapOptions()
    places = np.array([(site.lon_deg, site.lat_deg) for site in topology.sites])
    index = {site.id: i for i, site in enumerate(topology.sites)}
    ways = [great_circle(places[index[s.a]], places[index[s.b]]) for s in topology.spans]
    sheet = _sheet(np.vstack((places, *ways)), options.width_px)
    sites = _sites(topology, sheet.px(places))
    spans = tuple(_spans(topology, sheet, sites, index, ways))
    conduits = tuple(_conduits(topology, spans))
    return Scene(
        title=topology.name,
        width=sheet.width,
        height=sheet.height,
        graticule=tuple(_graticule(sheet, _around_px(sheet, options))),
        land=tuple(_land(sheet, places, options)),
        spans=spans,
        sites=sites,
        conduits=conduits,
        labels=_labels(topology, sites, spans, conduits, sheet, options),
        scale_bar=_scale_bar(sheet),
    )


def _sheet(degrees: Points, width: float) -> _Sheet:
    projection = choose_projection(degrees)
    flat = projection.flat(degrees)
    low, high = flat.min(axis=0), flat.max(axis=0)
    # One site, or a street: a map of at least a kilometre.
    extent = np.maximum(high - low, 1 / EARTH_RADIUS_KM)
    room = width - 2 * _SIDE_PX
    tall = room * extent[1] / extent[0] + 2 * _MARGIN_PX
    height = float(np.clip(tall, _LEAST_HEIGHT_PX, _MOST_HEIGHT_PX))
    scale = float(min(room / extent[0], (height - 2 * _MARGIN_PX) / extent[1]))
    shift = np.array([width / 2, height / 2]) - (low + high) / 2 * scale
    return _Sheet(projection, scale, shift, width, height)


def _density(topology: Topology) -> float:
    """1 for a network with room around its sites, less for a crowded one."""
    return max(0.3, min(1.0, math.sqrt(60 / len(topology.sites))))


def _sites(topology: Topology, places: Points) -> tuple[SiteMark, ...]:
    size = 5.6 * _density(topology)
    radii = np.array([size * _KIND_SIZES[site.kind] for site in topology.sites])
    return tuple(
        SiteMark(
            id=site.id,
            name=site.name,
            kind=site.kind,
            x=float(x),
            y=float(y),
            radius=float(radius),
            is_controller=site.id == topology.controller_site,
            facts=facts.of_site(site),
        )
        for site, (x, y), radius in zip(topology.sites, apart(places, radii), radii, strict=True)
    )


def _spans(
    topology: Topology,
    sheet: _Sheet,
    sites: Sequence[SiteMark],
    index: dict[str, int],
    ways: Sequence[Points],
) -> Iterator[SpanLine]:
    density = _density(topology)
    widths = _widths(topology, density)
    offsets = parallel_offsets([(s.a, s.b) for s in topology.spans], widths, 1.6 + density)
    marks = np.array([(site.x, site.y) for site in sites])
    names = {site.id: site.name for site in sites}
    rooms_px = np.array([site.radius + 2 for site in sites])
    for span, way, width, offset in zip(topology.spans, ways, widths, offsets, strict=True):
        a, b = index[span.a], index[span.b]
        lines = [sheet.px(part) for part in pieces(sheet.projection, way)]
        if len(lines) == 1:
            line = with_ends(lines[0], marks[a], marks[b])
            crowded = len(sites) > _MOST_LABELLED
            lines = [line if crowded else around_others(line, marks, (a, b), rooms_px)]
        yield SpanLine(
            id=span.id,
            a=span.a,
            b=span.b,
            pieces=tuple(moved_aside(line, offset) for line in lines),
            width=width,
            fibre=span.fibre,
            rate_gbps=span.rate_gbps,
            subsea=span.transceiver is Transceiver.SUBSEA,
            conduits=span.conduits,
            facts=facts.of_span(topology, span, names),
        )


def _widths(topology: Topology, density: float) -> list[float]:
    """Line widths in px, wider for more capacity; of medium width if all have the same."""
    rates = [span.rate_gbps for span in topology.spans]
    if len(set(rates)) < 2:
        return [round(2.6 * density, 2)] * len(rates)
    return [round((1.2 + 3.3 * (rate / max(rates)) ** 0.7) * density, 2) for rate in rates]


def _conduits(topology: Topology, spans: Sequence[SpanLine]) -> Iterator[ConduitMark]:
    shared = {n: members for n, members in topology.conduits().items() if len(members) > 1}
    lettered = len(shared) <= _MOST_LETTERED
    lines = {span.id: max(span.pieces, key=len) for span in spans}
    for number, (name, members) in enumerate(shared.items()):
        ids = tuple(span.id for span in members)
        # A letter's place differs from conduit to conduit: a span may lie in several.
        share = 0.5 + 0.09 * (number % 3 - 1)
        long = [lines[i] for i in ids if length_px(lines[i]) > _SHORTEST_LETTERED_PX]
        badges = tuple(middle(line, share) for line in long) if lettered else ()
        yield ConduitMark(name, ascii_uppercase[number] if lettered else "", ids, badges)


def _labels(
    topology: Topology,
    sites: Sequence[SiteMark],
    spans: Sequence[SpanLine],
    conduits: Sequence[ConduitMark],
    sheet: _Sheet,
    options: MapOptions,
) -> tuple[Label, ...]:
    if not options.labels or (len(sites) > _MOST_LABELLED and not options.interactive):
        return ()
    degree = Counter(end for span in topology.spans for end in (span.a, span.b))
    order = sorted(
        range(len(sites)), key=lambda i: (-_KIND_SIZES[sites[i].kind], -degree[sites[i].id], i)
    )
    lines = [sampled(piece) for span in spans for piece in span.pieces]
    badges = [badge for conduit in conduits for badge in conduit.badges]
    return place_labels(
        sites,
        [facts.short_name(site.name) for site in sites],
        order,
        np.vstack(lines) if lines else np.empty((0, 2)),
        np.array(badges).reshape(-1, 2),
        (sheet.width, sheet.height),
        ZOOMS if options.interactive else _PRINTED_ZOOM,
    )


def _land(sheet: _Sheet, places: Points, options: MapOptions) -> Iterator[Points]:
    if options.land is False or EARTH_RADIUS_KM / sheet.px_per_rad < _FINEST_LAND_KM_PER_PX:
        return
    rings = land_rings()
    if options.land is None and not _on_the_globe(rings, places):
        return
    size = np.array([sheet.width, sheet.height])
    around = _around_px(sheet, options)
    low = (-around - sheet.shift) / sheet.px_per_rad
    high = (size + around - sheet.shift) / sheet.px_per_rad
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    finest_px = 0.5 if options.interactive else 1.4
    for ring in flat_land(rings, sheet.projection, box):
        thinned = _thinned(ring * sheet.px_per_rad + sheet.shift, finest_px)
        if len(thinned) > 3 and np.ptp(thinned, axis=0).max() > 2.5 * finest_px:
            yield thinned


def _on_the_globe(rings: Sequence[Points], places: Points) -> bool:
    """Whether sites stand at real places, not on a plane that was laid down somewhere.

    Generated graphs have their plane's corner or middle at 0° N 0° E, in the Gulf of Guinea.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    near_origin = min(np.abs(low).max(), np.abs(low + high).max() / 2) < _ORIGIN_DEG
    on_a_plane = near_origin and (high - low).max() < _WIDEST_PLANE_DEG
    return not on_a_plane and share_on_land(rings, places) > _LEAST_ON_LAND


def _thinned(ring: Points, finest_px: float) -> Points:
    """Without the points that fall into the same cell of a fine grid as the one before."""
    cells = np.floor(ring / finest_px)
    kept = np.append(True, (np.diff(cells, axis=0) != 0).any(axis=1))
    return np.asarray(ring[kept])


def _around_px(sheet: _Sheet, options: MapOptions) -> float:
    """How far the background goes on outside the map: a page's window has another shape."""
    return 0.6 * max(sheet.width, sheet.height) if options.interactive else 8.0


def _graticule(sheet: _Sheet, around_px: float) -> Iterator[Points]:
    """Meridians and parallels, as dense as leaves about six across the map."""
    across_deg = math.degrees(sheet.width / sheet.px_per_rad)
    fitting = [step for step in _GRATICULE_DEG if across_deg / step >= 4]
    if not fitting:
        return
    step = fitting[0]
    lats, lons = np.arange(-80, 80.1, 1.0), np.arange(-180, 180.1, 1.0)
    meridians = (np.column_stack((np.full_like(lats, m), lats)) for m in range(-180, 180, step))
    parallels = (np.column_stack((lons, np.full_like(lons, p))) for p in range(-75, 76, step))
    for line in (*meridians, *parallels):
        yield from _visible(sheet.px(line), sheet, around_px + 60)


def _visible(line: Points, sheet: _Sheet, around_px: float) -> Iterator[Points]:
    """The runs of a line that are on the map and do not jump across it."""
    size = np.array([sheet.width, sheet.height])
    on_map = np.all((line > -around_px) & (line < size + around_px), axis=1)
    jumps = np.append(False, np.linalg.norm(np.diff(line, axis=0), axis=1) > 120)
    starts = np.flatnonzero(np.append(False, on_map[1:] != on_map[:-1]) | jumps)
    for run, visible in zip(np.split(line, starts), np.split(on_map, starts), strict=True):
        if visible.all() and len(run) > 1:
            yield run


def _scale_bar(sheet: _Sheet) -> ScaleBar:
    km_per_px = EARTH_RADIUS_KM / sheet.px_per_rad
    most = 150 * km_per_px
    power = 10.0 ** math.floor(math.log10(most))
    km = max(power * step for step in (1, 2, 5) if power * step <= most)
    return ScaleBar(km, km / km_per_px)
