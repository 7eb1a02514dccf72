"""The live page itself: the map, and the controls with the network's names."""

from __future__ import annotations

import json
from collections.abc import Iterable

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from experiments.live.run import LiveRun
from topologies.maps import MapOptions, make_scene, svg_text

SPEEDS = {"0": "Pause", "0.1": "0.1×", "1": "1×", "5": "5×", "": "Max"}
_MAP_WIDTH_PX = 960.0


def page_text(run: LiveRun) -> str:
    """The page of a run. It loads its scripts, and what happens, from the same server."""
    environment = Environment(
        loader=PackageLoader("experiments.live", "page"),
        autoescape=select_autoescape(("html",)),
    )
    topology = run.loaded.topology
    scene = make_scene(topology, MapOptions(width_px=_MAP_WIDTH_PX))
    facts = run.facts()
    targets = {
        "spans": _choices("span-cut", "span", [span["id"] for span in facts["spans"]]),
        "conduits": _choices("conduit-cut", "conduit", facts["conduits"]),
        "sites": _choices("site-down", "site", facts["sites"]),
        "control": [(json.dumps({"kind": "controller-down"}), "the controller")],
    }
    return environment.get_template("live.html").render(
        facts=facts,
        description=run.loaded.scenario.description,
        drawing=Markup(svg_text(scene, legend=False)),  # noqa: S704 - made by us, escaped there
        targets=targets,
        speeds=SPEEDS,
    )


def _choices(kind: str, field: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """The faults that a list offers, as JSON, and the words for each."""
    return [(json.dumps({"kind": kind, field: name}), name) for name in names]
