"""The network's map as part of a page: what a script then colours while time goes by.

`map_markup` draws it, `map_style` and `map_script` are what a page needs once. The script
(`assets/network-map.js`) says how a page tells it what to show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from markupsafe import Markup

from experiments.report.static import asset
from topologies.maps import MapOptions, Scene, make_scene
from topologies.maps.globe import Points
from topologies.maps.labels import FONT_PX
from topologies.maps.lines import length_px, sampled
from topologies.maps.scene import SpanLine
from topologies.maps.shapes import line_path, number, text
from topologies.maps.style import FONTS, Theme, style_sheet
from topologies.maps.svg import background, describe, marks
from topologies.spec import Topology

# Lines are at least so wide that a colour can be told.
_LEAST_WIDTH_PX = 2.6
_CROSS = "M-5 -5L5 5M-5 5L5 -5"
_STEP_PX = 2.0


def map_scene(topology: Topology) -> Scene:
    """The map with names for every size of screen, and outlines no finer than one shows."""
    plain = make_scene(topology, MapOptions(labels=False))
    named = make_scene(topology, MapOptions(interactive=True))
    return replace(named, land=plain.land, graticule=plain.graticule)


def map_markup(topology: Topology) -> Markup:
    """The map as an element `figure.netmap` with its facts, for a page's body."""
    scene = map_scene(topology)
    size = f'viewBox="0 0 {number(scene.width)} {number(scene.height)}"'
    font = f'font-family="{text(FONTS)}" font-size="{number(FONT_PX)}"'
    lines = (*background(scene), *_spans(scene), *marks(scene))
    drawing = "\n".join(line for line in lines if line)
    return Markup(  # noqa: S704 - texts are escaped where they are drawn
        '<figure class="netmap" id="netmap">'
        f'<svg {size} {font} role="group" aria-label="{text(describe(scene))}">{drawing}</svg>'
        '<div class="netmap-tip" role="status" hidden></div>'
        f'<script type="application/json" class="netmap-facts">{_facts_json(scene)}</script>'
        "</figure>"
    )


def map_style() -> Markup:
    """The style sheet of the map."""
    # On paper it is light, whatever the screen is.
    style = style_sheet(Theme.AUTO).replace("@media (", "@media screen and (")
    themed = f".netmap {{\n{style}}}\n"
    return Markup(themed + asset("network-map.css"))  # noqa: S704 - made from constants


def map_script() -> Markup:
    """The script of the map; it defines `NetworkMap`."""
    return Markup(asset("network-map.js"))  # noqa: S704 - a file of ours


def _facts_json(scene: Scene) -> str:
    told = {f"site {site.id}": site.facts for site in scene.sites}
    told |= {f"span {span.id}": span.facts for span in scene.spans}
    ends = {span.id: (span.a, span.b) for span in scene.spans}
    found = json.dumps({"facts": told, "ends": ends}, ensure_ascii=False, separators=(",", ":"))
    return found.replace("<", "\\u003c")


def _spans(scene: Scene) -> Iterator[str]:
    """Each span: a halo for paths, two halves for the two directions, a cross for a cut."""
    ordered = sorted(scene.spans, key=lambda span: span.width)
    yield '<g id="halos">'
    for span in ordered:
        path = "".join(line_path(piece) for piece in span.pieces)
        width = max(span.width, _LEAST_WIDTH_PX) + 7
        yield f'<path class="halo" data-id="{text(span.id)}" stroke-width="{width:g}" d="{path}"/>'
    yield '</g><g id="spans">'
    for span in ordered:
        yield _span(span)
    yield "</g>"


def _span(span: SpanLine) -> str:
    path = "".join(line_path(piece) for piece in span.pieces)
    width = max(span.width, _LEAST_WIDTH_PX)
    first, second, middle = _halves(span)
    x, y = middle
    return (
        f'<g class="span" data-id="{text(span.id)}">'
        f'<path class="edge" stroke-width="{width + 1.4:g}" d="{path}"/>'
        f'<path class="load forward" stroke-width="{width:g}" d="{line_path(first)}"/>'
        f'<path class="load back" stroke-width="{width:g}" d="{line_path(second)}"/>'
        f'<path class="reach" d="{path}"/>'
        f'<g class="break at" transform="translate({number(x)} {number(y)})">'
        f'<g><circle r="9"/><path d="{_CROSS}"/></g></g></g>'
    )


def _halves(span: SpanLine) -> tuple[Points, Points, tuple[float, float]]:
    """The half at `a`, the half at `b`, and where they meet."""
    if len(span.pieces) > 1:
        first, second = span.pieces[0], span.pieces[-1]
    else:
        line = sampled(span.pieces[0], max(_STEP_PX, length_px(span.pieces[0]) / 40))
        half = max(1, len(line) // 2)
        first, second = line[: half + 1], line[half:] if len(line) > half + 1 else line[-2:]
    x, y = np.asarray(first[-1])
    return first, second, (float(x), float(y))
