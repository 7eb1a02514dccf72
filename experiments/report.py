"""The report: one HTML file that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, select_autoescape

from experiments import report_data as data
from experiments.report_data import Point, TrialData
from experiments.table import sections

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
    makers: tuple[tuple[str, str, Callable[[TrialData], Iterator[Point]], Any], ...] = (
        (
            "Around the cut, packet by packet",
            (
                "Each mark is one probe packet: its one-way delay at the moment it was sent, "
                "or a cross if it was lost."
            ),
            data.packets_around_cut,
            _zoom,
        ),
        (
            "Loss over the whole run",
            (
                f"Share of each probe's packets lost, in steps of {data.BIN_MS} ms. "
                "The shaded time is when the fibre was cut."
            ),
            data.loss_over_time,
            _loss,
        ),
        (
            "Training",
            "Time of each all-reduce, by when it began.",
            data.training_steps,
            _training,
        ),
        (
            "Inference",
            "Time to first token of each request, by when it was sent.",
            data.first_tokens,
            _inference,
        ),
    )
    for title, note, points_of, make in makers:
        points = [point for trial in trials for point in points_of(trial)]
        if points:
            broken = list(data.faults(trials[0]))
            yield title, note, make(points, broken, [trial.policy for trial in trials])


def _colour(policies: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(policies), range=list(_POLICY_COLOURS[: len(policies)]))
    return alt.Color("policy:N", scale=scale, title="policy")


def _zoom(points: list[Point], _broken: list[Point], policies: Sequence[str]) -> alt.TopLevelMixin:
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
        row=alt.Row("probe:N", title=None), column=alt.Column("policy:N", title=None)
    )
    chart: alt.FacetChart = facets.resolve_scale(y="independent")
    return chart


def _over_time(
    points: list[Point],
    broken: list[Point],
    policies: Sequence[str],
    y: alt.Y,
    row: str,
    mark: str,
) -> alt.TopLevelMixin:
    chart = alt.Chart()
    lines = chart.mark_line(interpolate="step-after")
    marks = lines if mark == "line" else chart.mark_circle(size=26, opacity=0.75)
    shade = (
        alt.Chart(alt.Data(values=broken))
        .mark_rect(opacity=0.12, color=_BROKEN_COLOUR)
        .encode(x=alt.X("from_s:Q", title=None), x2="until_s:Q")
    )
    encoded = marks.encode(x=alt.X("t_s:Q", title="time, s"), y=y, color=_colour(policies))
    layered = alt.layer(shade, encoded, data=alt.Data(values=points))
    return layered.properties(width=_WIDTH, height=130).facet(row=alt.Row(f"{row}:N", title=None))


def _loss(points: list[Point], broken: list[Point], policies: Sequence[str]) -> alt.TopLevelMixin:
    y = alt.Y("lost_percent:Q", title="lost, %")
    return _over_time(points, broken, policies, y, "probe", "line")


def _training(
    points: list[Point], broken: list[Point], policies: Sequence[str]
) -> alt.TopLevelMixin:
    y = alt.Y("allreduce_ms:Q", title="all-reduce, ms")
    return _over_time(points, broken, policies, y, "workload", "point")


def _inference(
    points: list[Point], broken: list[Point], policies: Sequence[str]
) -> alt.TopLevelMixin:
    y = alt.Y("ttft_ms:Q", title="first token, ms", scale=alt.Scale(type="log"))
    return _over_time(points, broken, policies, y, "workload", "point")
