"""Maps as files: SVG, PNG and PDF for papers and pages, HTML to look around in."""

from __future__ import annotations

from pathlib import Path

from topologies.maps.layout import MapOptions, make_scene
from topologies.maps.page import page_text
from topologies.maps.style import Theme
from topologies.maps.svg import svg_text
from topologies.spec import Topology

MAP_SUFFIXES = (".svg", ".png", ".pdf", ".html")


def write_map(
    topology: Topology,
    path: Path,
    options: MapOptions | None = None,
    theme: Theme = Theme.AUTO,
    pixel_ratio: float = 2.0,
) -> None:
    """Write a map in the format that the path's ending names (one of MAP_SUFFIXES).

    theme: AUTO follows the reader's screen in SVG and HTML, and is light in PNG and PDF.
    pixel_ratio: pixels of a PNG for each of the map's. Raises OSError if it cannot be written.
    """
    options = options or MapOptions()
    if path.suffix == ".html":
        interactive = MapOptions(options.width_px, options.labels, options.land, interactive=True)
        path.write_text(page_text(make_scene(topology, interactive), theme), encoding="utf-8")
        return
    scene = make_scene(topology, options)
    if path.suffix == ".svg":
        path.write_text(svg_text(scene, theme), encoding="utf-8")
        return
    drawn = svg_text(scene, Theme.LIGHT if theme is Theme.AUTO else theme)
    path.write_bytes(_converted(drawn, path.suffix, pixel_ratio))


def _converted(svg: str, suffix: str, pixel_ratio: float) -> bytes:
    import vl_convert  # noqa: PLC0415 - large, and only for these two

    if suffix == ".pdf":
        return bytes(vl_convert.svg_to_pdf(svg))
    return bytes(vl_convert.svg_to_png(svg, scale=pixel_ratio))
