"""From a trial's folder to the figures of the table. Reads files only; no guest needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from experiments.availability import availability
from experiments.captures import capture_figures
from experiments.events import CONTROLLER, read_events
from experiments.fidelity.guard import FILE as FIDELITY
from experiments.forbidden.watches import forbidden_figures, watches
from experiments.probe_figures import probe_flow
from experiments.run_folder import TrialFolder
from experiments.scenario import scenario_phases
from experiments.spans.figures import span_figures
from experiments.trial_job import Job, TrialResult
from experiments.workloads import KINDS, kind_of
from experiments.workloads.kind import Measured
from experiments.workloads.probe import ProbeWorkload
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
    figures["availability"] = _availability(trial, job)
    if job.scenario.span_sample_ms:
        figures["spans"] = span_figures(folder.samples, trial.phases)
    if watched := watches(job.scenario.forbidden, job.scenario.workloads, job.plan):
        figures["forbidden"] = forbidden_figures(folder.samples, watched, trial.phases)
    figures["captures"] = capture_figures(folder.samples, job.scenario.captures)
    figures["fidelity"] = folder.read_json(FIDELITY) if (folder.path / FIDELITY).exists() else {}
    return figures


def _availability(trial: Measured, job: Job) -> dict[str, Any]:
    probes = [one for one in job.scenario.workloads if isinstance(one, ProbeWorkload)]
    sites = {host.name: host.site for host in job.plan.hosts}
    flows = (((sites[one.from_host], sites[one.to_host]), probe_flow(trial, one)) for one in probes)
    begin_ns, end_ns = trial.phases[0].from_ns, trial.phases[-1].until_ns
    found = availability(flows, begin_ns, end_ns)
    return {pair: asdict(one) for pair, one in found.items()}


def no_figures() -> dict[str, Any]:
    """The figures of a trial that measured nothing."""
    return {kind.group: {} for kind in KINDS.values()} | {
        "availability": {},
        "forbidden": {},
        "spans": {},
        "captures": {},
        "fidelity": {},
    }


def measured(folder: TrialFolder, job: Job, result: TrialResult) -> Measured:
    """A measured trial as its workloads read it. Raises OSError or ValueError."""
    scenario, clock_start_ns = job.scenario, result.start_ns
    assert clock_start_ns is not None  # only measured trials are evaluated
    return Measured(
        samples=folder.samples,
        plan=job.plan,
        start_ns=0,
        stop_ns=round(scenario.duration_s * NS_PER_S),
        phases=scenario_phases(scenario, 0),
        steps=result.steps_since(clock_start_ns),
        repairs_s=tuple(fault.repair_at_s for fault in scenario.faults),
        events=[event for event in read_events(folder.events) if event["source"] == CONTROLLER],
        clock_start_ns=clock_start_ns,
    )
