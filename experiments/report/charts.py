"""The charts of a report: those that the kinds of workload declare, and some of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from experiments.report import heat_map, zoom
from experiments.report.palette import FAULT, PHASES
from experiments.report.panels import DATA, HEIGHT_PX, Drawn, Panel, colour, policy_series
from experiments.report.playback import broken
from experiments.report.read import TrialData
from experiments.report.table import Columns
from experiments.report.thinning import thinned
from experiments.workloads import KINDS
from experiments.workloads.kind import Chart

# Of all panels of a chart together, and of one of its series.
_MOST_POINTS = 40_000
_MOST_OF_ONE = 3_000
_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross")
_DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3))


def charts(trials: Sequence[TrialData]) -> Iterator[Drawn]:
    """All charts of some trials that have anything to show."""
    if not trials:
        return
    found = (zoom.around_cut(trials), *_declared(trials), heat_map.heat_map(trials))
    for chart in found:
        if chart is not None:
            yield chart


def _declared(trials: Sequence[TrialData]) -> Iterator[Drawn]:
    """The charts that kinds of workload declare."""
    for kind, declared in KINDS.items():
        for number, chart in enumerate(declared.charts):
            names = _workloads(trials, kind)
            if names:
                drawn = _draw(f"{kind}-{number}" if number else kind, kind, chart, trials, names)
                if len(drawn.data):
                    yield drawn


def _workloads(trials: Sequence[TrialData], kind: str) -> list[str]:
    names = (w.name for trial in trials for w in trial.scenario.workloads if w.kind == kind)
    return list(dict.fromkeys(names))


def _draw(
    name: str, kind: str, chart: Chart[Any], trials: Sequence[TrialData], workloads: Sequence[str]
) -> Drawn:
    spread = chart.form == "distribution"
    fields = ("phase", chart.y, "share") if spread else ("t_s", chart.y)
    data = Columns(("policy", "workload", *fields))
    most = min(_MOST_OF_ONE, _MOST_POINTS // (len(trials) * len(workloads)))
    for trial in trials:
        for workload in trial.scenario.workloads:
            if workload.kind == kind:
                points = chart.points(trial.measured, workload)
                kept = thinned(points, "share" if spread else chart.y, most)
                data.add(kept, policy=trial.label, workload=workload.name)
    labels = tuple(dict.fromkeys(trial.label for trial in trials))
    given = sorted(set(data.as_dict()["workload"]), key=list(workloads).index)
    if spread:
        panels = tuple(_distribution(chart, w, label) for w in given for label in labels)
        return Drawn(name, chart.title, chart.note, data, panels, PHASES)
    panels = tuple(_over_time(chart, workload, trials, data) for workload in given)
    return Drawn(name, chart.title, chart.note, data, panels, policy_series(labels))


def _shade(trial: TrialData) -> alt.Chart:
    times = [{"from_s": b.from_s, "until_s": b.until_s} for b in list(broken(trial))[:200]]
    rectangles = alt.Chart(alt.Data(values=times)).mark_rect(opacity=0.13, color=FAULT)
    shade: alt.Chart = rectangles.encode(x=alt.X("from_s:Q"), x2="until_s:Q")
    return shade


def _over_time(
    chart: Chart[Any], workload: str, trials: Sequence[TrialData], data: Columns
) -> Panel:
    labels = list(dict.fromkeys(trial.label for trial in trials))
    base = alt.Chart(alt.NamedData(DATA))
    line = base.mark_line(interpolate="step-after", strokeWidth=1.6)
    marks = line if chart.mark == "line" else base.mark_point(filled=True, size=26, opacity=0.75)
    until_s = max(trial.scenario.duration_s for trial in trials)
    time = alt.Scale(domain=[0, until_s], nice=False)
    where = {"workload": workload}
    encoded = marks.encode(
        x=alt.X("t_s:Q", title="time, s", scale=time, axis=alt.Axis(format="~g")),
        y=alt.Y(f"{chart.y}:Q", title=chart.y_title, scale=_scale(chart, data.rows(where))),
        color=colour("policy", policy_series(labels)),
        tooltip=[alt.Tooltip("policy:N"), alt.Tooltip("t_s:Q"), alt.Tooltip(f"{chart.y}:Q")],
        **_signs(chart, labels),
    )
    spec = alt.layer(_shade(trials[0]), encoded).properties(width="container", height=HEIGHT_PX)
    return Panel(workload, where, spec.to_dict(), wide=True)


def _scale(chart: Chart[Any], rows: Iterator[dict[str, Any]]) -> alt.Scale:
    if chart.logarithmic:
        return alt.Scale(type="log", nice=False, padding=6)
    if chart.mark == "point":
        return alt.Scale(zero=False)
    # A line that is 0 all the time lies on the axis.
    most = alt.Undefined if any(row[chart.y] for row in rows) else 1
    return alt.Scale(domainMin=0, domainMax=most)


def _signs(chart: Chart[Any], labels: Sequence[str]) -> dict[str, Any]:
    """A second sign beside the colour, for print in grey."""
    if chart.mark == "line":
        dashes = alt.Scale(domain=labels, range=[list(_DASHES[i % 4]) for i in range(len(labels))])
        return {"strokeDash": alt.StrokeDash("policy:N", scale=dashes, legend=None)}
    shapes = alt.Scale(domain=labels, range=[_SHAPES[i % 5] for i in range(len(labels))])
    return {"shape": alt.Shape("policy:N", scale=shapes, legend=None)}


def _distribution(chart: Chart[Any], workload: str, label: str) -> Panel:
    domain, _ = zip(*PHASES, strict=True)
    dashes = alt.Scale(domain=list(domain), range=[[1, 0], [7, 3], [2, 2]])
    scale = alt.Scale(type="log", nice=False) if chart.logarithmic else alt.Scale(zero=False)
    lines = (
        alt.Chart(alt.NamedData(DATA))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X(f"{chart.y}:Q", title=chart.y_title, scale=scale),
            y=alt.Y("share:Q", title="share of all requests", scale=alt.Scale(domain=[0, 1])),
            color=colour("phase", PHASES),
            strokeDash=alt.StrokeDash("phase:N", scale=dashes, legend=None),
            tooltip=["phase:N", f"{chart.y}:Q", "share:Q"],
        )
        .properties(width="container", height=HEIGHT_PX)
    )
    where = {"workload": workload, "policy": label}
    return Panel(f"{workload}, {label}", where, lines.to_dict())
