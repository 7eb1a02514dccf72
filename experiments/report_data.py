"""The points of the report's charts, thinned out to what an eye can tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from experiments.scenario import Scenario
from experiments.workloads import KINDS
from experiments.workloads.kind import Chart, Measured, Point


@dataclass(frozen=True, slots=True)
class TrialData:
    """A measured trial as the report reads it."""

    policy: str
    scenario: Scenario
    measured: Measured


def points(trial: TrialData, kind: str, chart: Chart[Any]) -> Iterator[Point]:
    """A chart's points of all workloads of its kind, with their policy and workload."""
    for workload in trial.scenario.workloads:
        if workload.kind == kind:
            for point in chart.points(trial.measured, workload):
                yield {"policy": trial.policy, "workload": workload.name, **point}


def charts() -> Iterator[tuple[str, Chart[Any]]]:
    """All charts with their kinds, in the order of the report."""
    for name, kind in KINDS.items():
        for chart in kind.charts:
            yield name, chart


def faults(trial: TrialData) -> Iterator[Point]:
    """Each span of time in which something was broken."""
    scenario = trial.scenario
    for fault in scenario.faults:
        end_s = scenario.duration_s if fault.repair_at_s is None else fault.repair_at_s
        yield {"from_s": fault.at_s, "until_s": end_s, "fault": fault.kind}
