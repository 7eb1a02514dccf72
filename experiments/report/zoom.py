"""Each probe packet around the first cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import numpy as np

from experiments.probe_points import Window, Zoom, read_probe
from experiments.report.palette import LOST
from experiments.report.panels import DATA, Drawn, Panel, policy_series
from experiments.report.read import TrialData
from experiments.report.table import Columns
from experiments.rows import number
from experiments.workloads.probe import ProbeWorkload

_MOST_PACKETS = 24_000
_MOST_OF_ONE = 2_500
_SHORTEST_MS, _LONGEST_MS = 60.0, 3_000.0
_HEIGHT_PX = 150
_NOTE = (
    "Each mark is a probe packet: its one-way delay by when it was sent, or a cross if it was lost."
)


def around_cut(trials: Sequence[TrialData]) -> Drawn | None:
    """The chart, or None where no probe ran through a cut."""
    shown = [(t, w) for t in trials for w in _crossing(t)]
    if not shown:
        return None
    after_ms = _after_ms(shown)
    most = min(_MOST_OF_ONE, _MOST_PACKETS // len(shown))
    data = Columns(("policy", "workload", "t_ms", "delay_ms", "fate"))
    colours = dict(policy_series([trial.label for trial in trials]))
    panels = []
    for trial, workload in sorted(shown, key=lambda one: one[1].name):
        cut_ns = trial.measured.taken("cut")[0]["t_ns"]
        found = read_probe(
            trial.measured, workload, 1, Window(cut_ns, after_ms / 4, after_ms, most)
        )
        assert found.zoom is not None  # a window was given
        data.add(_rows(found.zoom), policy=trial.label, workload=workload.name)
        panels.append(_panel(trial, workload, colours[trial.label]))
    return Drawn("around-the-cut", "Around the cut, packet by packet", _NOTE, data, tuple(panels))


def _crossing(trial: TrialData) -> Iterator[ProbeWorkload]:
    if not trial.measured.taken("cut"):
        return
    for workload in trial.scenario.workloads:
        if isinstance(workload, ProbeWorkload):
            failover = trial.figures["probes"].get(workload.name, {}).get("failover")
            if failover and failover["crosses_cut"]:
                yield workload


def _after_ms(shown: Sequence[tuple[TrialData, ProbeWorkload]]) -> float:
    """How long after the cut the slowest recovery is seen whole."""
    longest = 0.0
    for trial, workload in shown:
        out_ms = trial.figures["probes"][workload.name]["failover"]["tbm_ms"]
        longest = max(longest, _LONGEST_MS if out_ms is None else out_ms)
    return min(_LONGEST_MS, max(_SHORTEST_MS, 1.5 * longest))


def _rows(zoom: Zoom) -> Iterator[dict[str, Any]]:
    for t_ms, delay_ms in zip(zoom.t_ms, zoom.delay_ms, strict=True):
        lost = bool(np.isnan(delay_ms))
        yield {
            "t_ms": round(float(t_ms), 3),
            "delay_ms": None if lost else round(float(delay_ms), 4),
            "fate": "lost" if lost else "delivered",
        }


def _panel(trial: TrialData, workload: ProbeWorkload, colour: str) -> Panel:
    x = alt.X("t_ms:Q", title="sent, ms after the cut", scale=alt.Scale(nice=False))
    base = alt.Chart(alt.NamedData(DATA)).encode(x=x)
    delivered = (
        base.transform_filter("datum.fate == 'delivered'")
        .mark_circle(size=10, opacity=0.85)
        .encode(
            y=alt.Y("delay_ms:Q", title="delay, ms", scale=alt.Scale(zero=False, padding=16)),
            color=alt.value(colour),
            tooltip=[alt.Tooltip("t_ms:Q"), alt.Tooltip("delay_ms:Q")],
        )
    )
    lost = (
        base.transform_filter("datum.fate == 'lost'")
        .mark_point(shape="cross", size=18, color=LOST, opacity=0.8)
        .encode(y=alt.value(_HEIGHT_PX - 6), tooltip=[alt.Tooltip("t_ms:Q"), alt.Tooltip("fate:N")])
    )
    rule = alt.Chart(alt.Data(values=[{}])).mark_rule(strokeDash=[4, 3], color="@rule")
    spec = alt.layer(delivered, lost, rule.encode(x=alt.datum(0)))
    failover = trial.figures["probes"][workload.name]["failover"]
    out = f"out for {number(failover['tbm_ms'])} ms" if failover["recovered"] else "not recovered"
    title = f"{workload.name}, {trial.label}: {failover['lost']:,} lost, {out}"
    where = {"workload": workload.name, "policy": trial.label}
    sized = spec.properties(width="container", height=_HEIGHT_PX)
    return Panel(title, where, sized.to_dict())
