"""What happened, as rows: the faults, and what the controller saw and did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.report.playback import about, told_events
from experiments.report.read import TrialData
from experiments.report.table import Columns

MOST_EVENTS = 1_000


def event_table(trials: Sequence[TrialData]) -> Columns:
    """The events of all trials, at most MOST_EVENTS of each."""
    table = Columns(("policy", "t_s", "after_cut_ms", "source", "event", "what"))
    for trial in trials:
        table.add(_rows(trial), policy=trial.label)
    return table


def _rows(trial: TrialData) -> Iterator[dict[str, Any]]:
    cuts = [step["t_ns"] for step in trial.measured.steps if step["step"] == "cut"]
    for event in told_events(trial)[:MOST_EVENTS]:
        yield {
            "t_s": round(event["t_s"], 6),
            "after_cut_ms": _after_ms(event, cuts),
            "source": event["source"],
            "event": event["event"],
            "what": about(event),
        }


def _after_ms(event: Mapping[str, Any], cuts: Sequence[int]) -> float | None:
    """How long after the last cut before it."""
    before = [cut_ns for cut_ns in cuts if cut_ns <= event["t_ns"]]
    return round((event["t_ns"] - before[-1]) / 1e6, 3) if before else None
