"""A report's charts as figures for papers: SVG and PDF, each with its data as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from experiments.report.charts import charts
from experiments.report.columns import joined
from experiments.report.palette import on_paper
from experiments.report.panels import DATA, Drawn, Panel
from experiments.report.read import RunData, damage_told
from topologies.maps import Theme, write_map

_WIDTH_PX = 330
_WIDE_PX = 700
# A column of a paper holds one wide panel, or two beside each other.
_CONFIG = {
    "font": "Helvetica, Arial, sans-serif",
    "axis": {"labelFontSize": 10, "titleFontSize": 11, "titleFontWeight": "normal"},
    "title": {"fontSize": 11, "anchor": "start", "fontWeight": "normal"},
    "legend": {"labelFontSize": 10, "titleFontSize": 11},
}


def write_figures(folder: Path, runs: Sequence[RunData]) -> list[Path]:
    """Write each chart of some runs, and the map, into a folder. Returns the files.

    Raises OSError if they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with damage_told(runs):
        found = list(charts(joined(runs).drawn))
    for drawn in found:
        spec = figure_spec(drawn)
        svg, pdf, data = (folder / f"{drawn.name}{ending}" for ending in (".svg", ".pdf", ".csv"))
        svg.write_text(str(vl_convert.vegalite_to_svg(spec)), encoding="utf-8")
        pdf.write_bytes(bytes(vl_convert.vegalite_to_pdf(spec)))
        data.write_text(drawn.data.csv(), encoding="utf-8", newline="")
        written += [svg, pdf, data]
    topology = next((run.topology for run in runs if run.topology is not None), None)
    if topology is not None:
        for ending in (".svg", ".pdf"):
            path = folder / f"map{ending}"
            write_map(topology, path, theme=Theme.LIGHT)
            written.append(path)
    return written


def figure_spec(drawn: Drawn) -> dict[str, Any]:
    """A chart as one Vega-Lite specification, data included, in the colours of paper."""
    datasets: dict[str, Any] = {}
    parts = []
    for number, panel in enumerate(drawn.panels):
        spec = dict(_single(panel, drawn, number))
        datasets |= spec.pop("datasets", {})
        datasets[f"{DATA}{number}"] = list(drawn.data.rows(panel.where))
        parts.append(spec)
    schema = parts[0]["$schema"]
    for part in parts:
        part.pop("$schema", None)
        part.pop("config", None)
    return {
        "$schema": schema,
        "config": _CONFIG,
        "datasets": datasets,
        "concat": parts,
        "columns": 1 if drawn.panels[0].wide else 2,
        "resolve": {"scale": dict.fromkeys(("color", "shape", "strokeDash"), "independent")},
    }


def _single(panel: Panel, drawn: Drawn, number: int) -> dict[str, Any]:
    text = on_paper(json.dumps(panel.spec))
    text = text.replace(f'"name": "{DATA}"', f'"name": "{DATA}{number}"')
    spec: dict[str, Any] = json.loads(text)
    spec["width"] = _WIDE_PX if panel.wide else _WIDTH_PX
    spec["title"] = panel.title
    if number == 0 and drawn.series:
        for encoding in _encodings(spec):
            for channel in ("color", "shape", "strokeDash"):
                if isinstance(encoding.get(channel), dict) and "legend" in encoding[channel]:
                    encoding[channel]["legend"] = {"orient": "top", "title": None}
    return spec


def _encodings(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "encoding" in spec:
        yield spec["encoding"]
    for layer in spec.get("layer", ()):
        yield from _encodings(layer)
