"""Utilisation of the busiest spans over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from experiments.report.panels import DATA, Drawn, Panel
from experiments.report.read import TrialData
from experiments.report.table import Columns
from experiments.report.utilisation import Direction, Frames, busiest, read_frames

_MOST_FRAMES = 150
_MOST_DIRECTIONS = 24
_ROW_PX = 15
_TITLE = "Utilisation of the busiest spans"
_NOTE = (
    "Each row is one direction of a span, the busiest first; a cell is the mean share of its line "
    "rate that was used."
)


def heat_map(trials: Sequence[TrialData]) -> Drawn | None:
    """The chart, or None where no spans were sampled."""
    found = [(trial, frames) for trial in trials if (frames := _frames(trial)) is not None]
    if not found:
        return None
    means = [frames.means() for _, frames in found]
    peaks = _peaks(means)
    chosen = busiest(peaks, _MOST_DIRECTIONS)
    ends = {span.id: (span.a.switch, span.b.switch) for span in trials[0].measured.plan.spans}
    rows = [_name(direction, ends) for direction in chosen]
    data = Columns(("policy", "direction", "t_s", "until_s", "utilisation"))
    panels = []
    for (trial, frames), by_direction in zip(found, means, strict=True):
        for direction, name in zip(chosen, rows, strict=True):
            if direction in by_direction:
                data.add(
                    _cells(frames, by_direction[direction]), policy=trial.label, direction=name
                )
        panels.append(_panel(trial.label, rows))
    return Drawn("utilisation", _TITLE, _NOTE, data, tuple(panels))


def _frames(trial: TrialData) -> Frames | None:
    measured = trial.measured
    directions = 2 * max(1, len(measured.plan.spans))
    return read_frames(measured.samples, trial.scenario.duration_s, directions, _MOST_FRAMES)


def _peaks(
    means: Sequence[Mapping[Direction, NDArray[np.float64]]],
) -> dict[Direction, NDArray[np.float64]]:
    """All trials' frames of each direction in a row."""
    keys = dict.fromkeys(key for one in means for key in one)
    return {key: np.concatenate([one[key] for one in means if key in one]) for key in keys}


def _name(direction: Direction, ends: Mapping[str, tuple[str, str]]) -> str:
    span, site = direction
    a, b = ends.get(span, (site, ""))
    return f"{span}, from {a if site == a else b}"


def _cells(frames: Frames, values: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    for index, value in enumerate(values):
        if not np.isnan(value):
            yield {
                "t_s": round(index * frames.step_s, 3),
                "until_s": round((index + 1) * frames.step_s, 3),
                "utilisation": round(float(value), 3),
            }


def _panel(label: str, rows: Sequence[str]) -> Panel:
    chart = (
        alt.Chart(alt.NamedData(DATA))
        # Cells that only touch would show a seam.
        .transform_calculate(end="datum.until_s + 0.1 * (datum.until_s - datum.t_s)")
        .mark_rect(clip=True)
        .encode(
            x=alt.X("t_s:Q", title="time, s", scale=alt.Scale(nice=False)),
            x2="end:Q",
            y=alt.Y("direction:N", sort=list(rows), title=None, axis=alt.Axis(labelLimit=190)),
            color=alt.Color(
                "utilisation:Q",
                scale=alt.Scale(scheme="viridis", domain=[0, 1], clamp=True),
                legend=alt.Legend(
                    title="utilisation", format="%", orient="top", gradientLength=160
                ),
            ),
            tooltip=["direction:N", "t_s:Q", alt.Tooltip("utilisation:Q", format=".0%")],
        )
        .properties(width="container", height=_ROW_PX * len(rows))
    )
    return Panel(label, {"policy": label}, chart.to_dict(), wide=True)
