"""The points of the report's charts, thinned out to what an eye can tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.evaluate import inference_log, probe_flow, training_log
from experiments.failover import ProbeFlow
from experiments.impact import joint_steps
from experiments.run_folder import TrialFolder
from experiments.scenario import AllReduceWorkload, InferenceWorkload, ProbeWorkload
from experiments.trial_job import Job, TrialResult
from traffic.clock import NS_PER_MS, NS_PER_S

Point = dict[str, Any]
BIN_MS = 50
ZOOM_BEFORE_MS = 20.0
ZOOM_AFTER_MS = 130.0


@dataclass(frozen=True, slots=True)
class TrialData:
    """A measured trial as the report reads it."""

    policy: str
    folder: TrialFolder
    job: Job
    result: TrialResult

    @property
    def start_ns(self) -> int:
        """When the workloads started."""
        assert self.result.start_ns is not None  # only measured trials are reported
        return self.result.start_ns

    def seconds(self, at_ns: int) -> float:
        """A moment as seconds after the start of the workloads."""
        return (at_ns - self.start_ns) / NS_PER_S

    def probes(self) -> Iterator[tuple[ProbeWorkload, ProbeFlow]]:
        """The probes of the scenario with their packets."""
        for workload in self.job.scenario.workloads:
            if isinstance(workload, ProbeWorkload):
                yield workload, probe_flow(self.folder, self.job, self.start_ns, workload)


def loss_over_time(trial: TrialData) -> Iterator[Point]:
    """Share of each probe's packets lost, in bins of BIN_MS of their due time."""
    for workload, flow in trial.probes():
        per_bin = max(1, workload.rate_pps * BIN_MS // 1000)
        bins = -(-flow.count // per_bin)
        got = np.bincount(np.unique(flow.rows[:, 0]) // per_bin, minlength=bins)
        for index in range(bins):
            due = min(per_bin, flow.count - index * per_bin)
            yield {
                "policy": trial.policy,
                "probe": workload.name,
                "t_s": round(index * per_bin / workload.rate_pps, 6),
                "lost_percent": round(100 * (due - int(got[index])) / due, 3),
            }


def packets_around_cut(trial: TrialData) -> Iterator[Point]:
    """Every probe packet due around the first cut: its delay, or that it was lost."""
    cut = next((step for step in trial.result.faults if step["step"] == "cut"), None)
    if cut is None:
        return
    from_ns = cut["t_ns"] - round(ZOOM_BEFORE_MS * NS_PER_MS)
    until_ns = cut["t_ns"] + round(ZOOM_AFTER_MS * NS_PER_MS)
    for workload, flow in trial.probes():
        first, last = flow.sequences_due(from_ns, until_ns)
        delays_ms = {
            int(row[0]): (int(row[2]) - int(row[1])) / NS_PER_MS
            for row in flow.rows[(flow.rows[:, 0] >= first) & (flow.rows[:, 0] < last)]
        }
        step = max(1, (last - first) // 400)
        for sequence in range(first, last, step):
            due_ns = flow.start_ns + sequence * NS_PER_S // flow.rate_pps
            yield {
                "policy": trial.policy,
                "probe": workload.name,
                "t_ms": round((due_ns - cut["t_ns"]) / NS_PER_MS, 3),
                "delay_ms": delays_ms.get(sequence, 0),
                "fate": "delivered" if sequence in delays_ms else "lost",
            }


def training_steps(trial: TrialData) -> Iterator[Point]:
    """Each finished all-reduce: when it began and how long it took."""
    for workload in trial.job.scenario.workloads:
        if not isinstance(workload, AllReduceWorkload):
            continue
        for step in joint_steps(training_log(trial.folder, workload)):
            if step.allreduce_ms is not None and step.compute_end_ns is not None:
                yield {
                    "policy": trial.policy,
                    "workload": workload.name,
                    "t_s": round(trial.seconds(step.compute_end_ns), 6),
                    "allreduce_ms": round(step.allreduce_ms, 3),
                }


def first_tokens(trial: TrialData) -> Iterator[Point]:
    """Each answered request: when it was sent and its time to first token."""
    for workload in trial.job.scenario.workloads:
        if not isinstance(workload, InferenceWorkload):
            continue
        for request in inference_log(trial.folder, workload):
            if request.status == "ok" and request.ttft_ns is not None:
                yield {
                    "policy": trial.policy,
                    "workload": workload.name,
                    "t_s": round(trial.seconds(request.due_ns), 6),
                    "ttft_ms": round(request.ttft_ns / NS_PER_MS, 3),
                }


def faults(trial: TrialData) -> Iterator[Point]:
    """Each span of time in which something was broken."""
    scenario = trial.job.scenario
    for fault in scenario.faults:
        end_s = scenario.duration_s if fault.repair_at_s is None else fault.repair_at_s
        yield {"from_s": fault.at_s, "until_s": end_s, "fault": fault.kind}
