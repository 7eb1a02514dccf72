"""From a trial's folder to the figures of the table. Reads files only; no guest needed."""

from __future__ import annotations

from typing import Any

from experiments.captures import capture_figures
from experiments.control import controller_events
from experiments.fidelity.guard import FILE as FIDELITY
from experiments.run_folder import TrialFolder
from experiments.scenario import scenario_phases
from experiments.trial_job import Job, TrialResult
from experiments.workloads import KINDS, kind_of
from experiments.workloads.kind import Measured
from traffic.clock import NS_PER_S


def evaluate(folder: TrialFolder, job: Job, result: TrialResult) -> dict[str, Any]:
    """The figures of one measured trial, by workload; units stand in the names.

    Raises OSError or ValueError if a measurement is missing or damaged.
    """
    trial = measured(folder, job, result)
    figures = no_figures()
    for workload in job.scenario.workloads:
        kind = kind_of(workload)
        figures[kind.group][workload.name] = kind.figures(trial, workload)
    figures["captures"] = capture_figures(folder.samples, job.scenario.captures)
    figures["fidelity"] = folder.read_json(FIDELITY) if (folder.path / FIDELITY).exists() else {}
    return figures


def no_figures() -> dict[str, Any]:
    """The figures of a trial that measured nothing."""
    return {kind.group: {} for kind in KINDS.values()} | {"captures": {}, "fidelity": {}}


def measured(folder: TrialFolder, job: Job, result: TrialResult) -> Measured:
    """A measured trial as its workloads read it. Raises OSError or ValueError."""
    scenario, start_ns = job.scenario, result.start_ns
    assert start_ns is not None  # only measured trials are evaluated
    return Measured(
        samples=folder.samples,
        plan=job.plan,
        start_ns=start_ns,
        stop_ns=start_ns + round(scenario.duration_s * NS_PER_S),
        phases=scenario_phases(scenario, start_ns),
        steps=result.faults,
        repairs_s=tuple(fault.repair_at_s for fault in scenario.faults),
        events=controller_events(folder.path),
    )
