"""A report as one HTML file that needs nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from experiments.disk import written_whole
from experiments.report.answer import answer, headlines
from experiments.report.charts import charts
from experiments.report.columns import Joined, joined
from experiments.report.differences import Differences
from experiments.report.event_table import event_table
from experiments.report.network_map import map_markup, map_script, map_style
from experiments.report.palette import DARK, LIGHT
from experiments.report.panels import Drawn
from experiments.report.playback import playback
from experiments.report.read import RunData, damage_told, read_runs
from experiments.report.static import asset
from experiments.rows import figure_text
from experiments.table import sections

_LEVELS = (
    ("unknown", "not sampled"), ("0", "idle"), ("1", "below 20 %"), ("2", "20 to 40 %"),
    ("3", "40 to 60 %"), ("4", "60 to 80 %"), ("5", "80 % and more"),
)  # fmt: skip
_PATHS = (
    ("usual", "usual path"), ("broken", "path that loses"), ("repair", "repair path"),
    ("moved", "new path"),
)  # fmt: skip


def write_report(path: Path, folders: Sequence[Path]) -> None:
    """Write the report of one run, or of several side by side.

    Raises InputError for a folder that is no whole run's, OSError if it cannot be written.
    """
    page = report_page(read_runs(folders))
    with written_whole(path) as unfinished:
        unfinished.write_text(page, encoding="utf-8")


def report_page(
    runs: Sequence[RunData], found: Joined | None = None, compared: Sequence[Differences] = ()
) -> str:
    """The page.

    found: the columns, if other than `joined` finds; compared: told after the answer.
    """
    found = found or joined(runs)
    with damage_told(runs):
        drawn = list(charts(found.drawn))
        player = _player(runs, found)
    events = event_table(found.drawn)
    tables = {one.name: one.data.as_dict() for one in drawn} | {"events": events.as_dict()}
    return _environment().get_template("report.html").render(
        runs=runs,
        summary=runs[0].summary,
        columns=found.columns,
        headlines=headlines(found.columns),
        groups=answer(found.columns),
        trials=max(len(column.sample.trials) for column in found.columns),
        sections=sections({column.label: column.figures for column in found.columns}),
        compared=compared,
        charts=drawn,
        events=list(events.rows({})),
        player=player,
        style=Markup(asset("report.css") + asset("timeline.css")) + map_style(),  # noqa: S704
        script=_scripts(),
        vega=_vega(),
        data=_json({
            "tables": tables,
            "panels": [_panels(one) for one in drawn],
            "playbacks": player["playbacks"] if player else [],
            "colours": {"light": dict(LIGHT), "dark": dict(DARK)},
        }),
        scenarios=[_scenario(run) for run in runs],
        levels=_LEVELS,
        paths=_PATHS,
    )  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("experiments.report", "templates"),
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure_text
    return environment


def _player(runs: Sequence[RunData], found: Joined) -> dict[str, Any] | None:
    """What the map plays; None if no run kept its topology, or nothing was measured."""
    topology = next((run.topology for run in runs if run.topology is not None), None)
    if topology is None or not found.drawn:
        return None
    sites = {site.id for site in topology.sites}
    on_map = [t for t in found.drawn if {s.site for s in t.measured.plan.switches} == sites]
    if not on_map:
        return None
    return {
        "map": map_markup(topology),
        "playbacks": [playback(trial, topology) for trial in on_map],
    }


def _panels(drawn: Drawn) -> dict[str, Any]:
    panels = [{"where": panel.where, "spec": panel.spec} for panel in drawn.panels]
    return {"name": drawn.name, "panels": panels}


def _scenario(run: RunData) -> Mapping[str, Any]:
    return {
        "name": run.path.name,
        "given": run.scenario_text,
        "resolved": json.dumps(run.summary["resolved_scenario"], indent=2, ensure_ascii=False),
        "summary": run.summary,
    }


def _json(value: Any) -> Markup:
    """A value for a script element: no text can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def _scripts() -> Markup:
    own = (asset(f"{name}.js") for name in ("playback", "timeline", "report"))
    return map_script() + Markup("".join(own))  # noqa: S704


def _vega() -> Markup:
    # The bundle sets window.vegaEmbed.
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub is wrong
    return Markup(str(bundle).replace("</script", "<\\/script"))  # noqa: S704
