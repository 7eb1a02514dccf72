"""Maps of a network: SVG, PNG, PDF and interactive HTML from its coordinates.

`make_scene` says what stands where, `svg_text` and `page_text` draw it, `write_map` makes files.
"""

from topologies.maps.layout import MapOptions, make_scene
from topologies.maps.output import MAP_SUFFIXES, write_map
from topologies.maps.page import page_text
from topologies.maps.scene import Scene
from topologies.maps.style import Theme
from topologies.maps.svg import svg_text

__all__ = [
    "MAP_SUFFIXES",
    "MapOptions",
    "Scene",
    "Theme",
    "make_scene",
    "page_text",
    "svg_text",
    "write_map",
]
