"""A scene as one interactive HTML page: pan, zoom, facts on hover, layers to switch."""

from __future__ import annotations

import json
from importlib.resources import files

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from topologies.maps.labels import FONT_PX
from topologies.maps.legend import entries
from topologies.maps.scene import Scene
from topologies.maps.shapes import number
from topologies.maps.style import FONTS, Theme, style_sheet
from topologies.maps.svg import describe, drawing

# The layers that a reader can switch, with the words for it.
_LAYERS = {
    "fibre": "fibre type",
    "capacity": "capacity",
    "conduits": "conduits",
    "labels": "names",
    "ground": "land",
}


def page_text(scene: Scene, theme: Theme = Theme.AUTO) -> str:
    """The map as one HTML page that needs nothing from elsewhere."""
    environment = Environment(
        loader=PackageLoader("topologies.maps", "templates"),
        autoescape=select_autoescape(("html",)),
    )
    script = files("topologies.maps").joinpath("templates/map.js").read_text(encoding="utf-8")
    return environment.get_template("map.html").render(
        scene=scene,
        description=describe(scene),
        theme=theme.value,
        style=Markup(style_sheet(theme)),  # noqa: S704 - made from constants
        fonts=Markup(FONTS),  # noqa: S704
        font_px=FONT_PX,
        drawing=Markup("\n".join(line for line in drawing(scene) if line)),  # noqa: S704 - escaped
        legend=[(Markup(e.sample), number(e.sample_px), e.words) for e in entries(scene)],  # noqa: S704
        layers=_LAYERS if scene.conduits else {k: v for k, v in _LAYERS.items() if k != "conduits"},
        facts=Markup(_facts_json(scene)),  # noqa: S704 - escaped for a script
        script=Markup(script),  # noqa: S704
    )


def _facts_json(scene: Scene) -> str:
    told = {f"site {site.id}": site.facts for site in scene.sites}
    told |= {f"span {span.id}": span.facts for span in scene.spans}
    bar = {"km": scene.scale_bar.km, "px": scene.scale_bar.px}
    text = json.dumps({"facts": told, "bar": bar}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
