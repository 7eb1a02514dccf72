"""A scene as SVG: for a page, for a paper, and as the inside of the interactive page."""

from __future__ import annotations

from collections.abc import Iterator

from topologies.maps.labels import FONT_PX
from topologies.maps.legend import legend_height, legend_lines
from topologies.maps.marks import badge, site_symbol, span_strokes
from topologies.maps.scene import ConduitMark, Facts, Label, Scene, SiteMark, SpanLine
from topologies.maps.shapes import line_path, number, ring_path, text
from topologies.maps.style import FONTS, Theme, style_sheet


def svg_text(scene: Scene, theme: Theme = Theme.AUTO, legend: bool = True) -> str:
    """The map as one SVG file: no scripts, no fonts to load, nothing from elsewhere."""
    height = scene.height + (legend_height(scene) if legend else 0)
    width, high = number(scene.width), number(height)
    size = f'viewBox="0 0 {width} {high}" width="{width}" height="{high}"'
    font = f'font-family="{text(FONTS)}" font-size="{number(FONT_PX)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
        f"<title>{text(scene.title)}</title>",
        f"<desc>{text(describe(scene))}</desc>",
        f"<style>\n{style_sheet(theme)}</style>",
        f'<clipPath id="map"><path d="M0 0H{width}V{number(scene.height)}H0z"/></clipPath>',
        f'<path class="sea" d="M0 0H{width}V{high}H0z"/>',
        '<g clip-path="url(#map)">',
        *drawing(scene),
        "</g>",
        *(legend_lines(scene) if legend else ()),
        "</svg>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def describe(scene: Scene) -> str:
    """The map in one sentence, for those who cannot see it."""
    conduits = f", {len(scene.conduits)} conduits with several spans" if scene.conduits else ""
    return f"A map of {len(scene.sites)} sites and {len(scene.spans)} spans{conduits}."


def drawing(scene: Scene) -> Iterator[str]:
    """Everything on the map itself, from the back to the front."""
    yield from background(scene)
    yield '<g id="spans">'
    for span in sorted(scene.spans, key=lambda span: span.width):
        yield _span(span)
    yield "</g>"
    yield from marks(scene)


def background(scene: Scene) -> Iterator[str]:
    """What lies under the spans: land, grid and conduits."""
    yield '<g id="ground">'
    grid = "".join(line_path(line) for line in scene.graticule)
    land = "".join(ring_path(ring) for ring in scene.land)
    yield f'<path class="land" fill-rule="evenodd" d="{land}"/>' if land else ""
    yield f'<path class="grid" d="{grid}"/>' if grid else ""
    yield '</g><g id="conduits">'
    lines = {span.id: span for span in scene.spans}
    for conduit in scene.conduits:
        yield _conduit(conduit, lines)
    yield "</g>"


def marks(scene: Scene) -> Iterator[str]:
    """What stands on the spans: conduits' letters, sites and their names."""
    yield '<g id="badges">'
    for conduit in scene.conduits:
        yield from _badges(conduit)
    yield '</g><g id="sites">'
    for site in sorted(scene.sites, key=lambda site: site.radius):
        yield _site(site)
    yield '</g><g id="labels">'
    for label in scene.labels:
        yield _label(label)
    yield "</g>"


def told(facts: Facts) -> str:
    """The facts about a thing as the title that a browser shows when it is pointed at."""
    return f"<title>{text(chr(10).join(f'{word}: {value}' for word, value in facts))}</title>"


def _conduit(conduit: ConduitMark, lines: dict[str, SpanLine]) -> str:
    parts = [
        f'<path class="conduit" stroke-opacity="0.42" stroke-width="{lines[i].width + 7:g}" '
        f'd="{line_path(piece)}"/>'
        for i in conduit.spans
        for piece in lines[i].pieces
    ]
    return f'<g data-conduit="{text(conduit.name)}">{"".join(parts)}</g>'


def _span(span: SpanLine) -> str:
    path = "".join(line_path(piece) for piece in span.pieces)
    edge = f'<path class="edge" stroke-width="{span.width + 1.4:g}" d="{path}"/>'
    strokes = span_strokes(path, span.fibre, span.width, span.subsea)
    return f'<g class="span" data-id="{text(span.id)}">{told(span.facts)}{edge}{strokes}</g>'


def _badges(conduit: ConduitMark) -> Iterator[str]:
    for x, y in conduit.badges:
        where = f'transform="translate({number(x)} {number(y)})"'
        yield f'<g class="at" {where}>{badge(conduit.letter)}</g>'


def _site(site: SiteMark) -> str:
    where = f'transform="translate({number(site.x)} {number(site.y)})"'
    return (
        f'<g class="site at" data-id="{text(site.id)}" {where}>{told(site.facts)}'
        f"<g>{site_symbol(site.kind, site.radius, site.is_controller)}</g></g>"
    )


def _label(label: Label) -> str:
    where = f'transform="translate({number(label.x)} {number(label.y)})"'
    # Half the height of small letters below the middle.
    words = (
        f'<text class="name" x="{number(label.dx)}" y="{number(label.dy + 0.36 * FONT_PX)}" '
        f'text-anchor="{label.anchor}">{text(label.text)}</text>'
    )
    data = f'data-id="{text(label.site)}" data-zoom="{label.zoom:g}"'
    return f'<g class="label at" {data} {where}><g>{words}</g></g>'
