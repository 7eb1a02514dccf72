"""The report: one HTML file that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, select_autoescape

from experiments import report_data as data
from experiments.report_data import TrialData
from experiments.table import sections
from experiments.workloads.kind import Chart, Point

# Okabe and Ito's colours: told apart by colour-blind readers too.
_POLICY_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_LOST_COLOUR = "#C1121F"
_BROKEN_COLOUR = "#C1121F"
_WIDTH = 720


def write_report(path: Path, summary: Mapping[str, Any], trials: Sequence[TrialData]) -> None:
    """Write the report of a run: the table first, then what happened over time."""
    environment = Environment(
        loader=PackageLoader("experiments", "templates"), autoescape=select_autoescape(("html",))
    )
    charts = [(title, note, chart.to_dict()) for title, note, chart in _charts(trials)]
    page = environment.get_template("report.html").render(
        summary=summary,
        policies=list(summary["policies"]),
        sections=sections(summary["policies"]),
        charts=[(title, note) for title, note, _ in charts],
        specs=json.dumps([spec for _, _, spec in charts]).replace("</", "<\\/"),
        javascript=_javascript(),
        scenario=json.dumps(summary["resolved_scenario"], indent=2, ensure_ascii=False),
    )
    path.write_text(page, encoding="utf-8")


def _javascript() -> str:
    # The bundle sets window.vegaEmbed.
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub is wrong
    return str(bundle).replace("</script", "<\\/script")


def _charts(trials: Sequence[TrialData]) -> Iterator[tuple[str, str, alt.TopLevelMixin]]:
    policies = [trial.policy for trial in trials]
    for kind, chart in data.charts():
        points = [point for trial in trials for point in data.points(trial, kind, chart)]
        if points:
            broken = list(data.faults(trials[0]))
            yield chart.title, chart.note, _drawn(chart, points, broken, policies)


def _drawn(
    chart: Chart[Any], points: list[Point], broken: list[Point], policies: Sequence[str]
) -> alt.TopLevelMixin:
    if chart.form == "around-cut":
        return _zoom(points, policies)
    return _over_time(chart, points, broken, policies)


def _colour(policies: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(policies), range=list(_POLICY_COLOURS[: len(policies)]))
    return alt.Color("policy:N", scale=scale, title="policy")


def _zoom(points: list[Point], policies: Sequence[str]) -> alt.TopLevelMixin:
    base = alt.Chart().encode(
        x=alt.X("t_ms:Q", title="sent, ms after the cut", scale=alt.Scale(nice=False)),
        y=alt.Y("delay_ms:Q", title="delay, ms"),
    )
    delivered = base.mark_circle(size=9, opacity=0.8).encode(color=_colour(policies))
    lost = base.mark_point(shape="cross", size=16, color=_LOST_COLOUR, opacity=0.7)
    rule = alt.Chart().mark_rule(strokeDash=[4, 3], color="#888").encode(x=alt.datum(0))
    layers = alt.layer(
        delivered.transform_filter("datum.fate == 'delivered'"),
        lost.transform_filter("datum.fate == 'lost'"),
        rule,
        data=alt.Data(values=points),
    ).properties(width=(_WIDTH - 40) / max(1, len(policies)), height=120)
    facets = layers.facet(
        row=alt.Row("workload:N", title=None), column=alt.Column("policy:N", title=None)
    )
    chart: alt.FacetChart = facets.resolve_scale(y="independent")
    return chart


def _over_time(
    chart: Chart[Any], points: list[Point], broken: list[Point], policies: Sequence[str]
) -> alt.TopLevelMixin:
    base = alt.Chart()
    lines = base.mark_line(interpolate="step-after")
    marks = lines if chart.mark == "line" else base.mark_circle(size=26, opacity=0.75)
    shade = (
        alt.Chart(alt.Data(values=broken))
        .mark_rect(opacity=0.12, color=_BROKEN_COLOUR)
        .encode(x=alt.X("from_s:Q", title=None), x2="until_s:Q")
    )
    scale = alt.Scale(type="log") if chart.logarithmic else alt.Undefined
    y = alt.Y(f"{chart.y}:Q", title=chart.y_title, scale=scale)
    encoded = marks.encode(x=alt.X("t_s:Q", title="time, s"), y=y, color=_colour(policies))
    layered = alt.layer(shade, encoded, data=alt.Data(values=points))
    return layered.properties(width=_WIDTH, height=130).facet(row=alt.Row("workload:N", title=None))
