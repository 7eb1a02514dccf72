"""From a scenario's workloads to the programs that make them, host by host."""

from __future__ import annotations

import sys
from pathlib import Path

from experiments.captures import FOLDER, capture_process
from experiments.forbidden.watches import counter, watches
from experiments.phases import borders
from experiments.processes import Program
from experiments.run_folder import TrialFolder
from experiments.scenario import Clock, scenario_phases
from experiments.spans.lines import sampler
from experiments.trial_job import Job
from experiments.workloads import kind_of
from experiments.workloads.kind import Slot
from traffic.clock import NS_PER_S

# Each workload gets a port of its own, so that several can share a host.
_FIRST_PORT = 20_000


def programs(job: Job, start_ns: int, stop_ns: int, drain_ns: int, out: Path) -> list[Program]:
    """All programs of a trial, each workload's receivers and servers first.

    start_ns, stop_ns: CLOCK_MONOTONIC. drain_ns: how much longer receivers stay.
    """
    found: list[Program] = []
    borders_ns = borders(scenario_phases(job.scenario, start_ns))
    for index, workload in enumerate(job.scenario.workloads):
        folder = out / "samples" / workload.name
        folder.mkdir(parents=True, exist_ok=True)
        slot = Slot(
            plan=job.plan,
            folder=folder,
            index=index,
            port=_FIRST_PORT + index,
            seed=job.workload_seed(index),
            start_at_ns=workload.begins_ns(start_ns),
            stop_at_ns=workload.ends_ns(start_ns, stop_ns),
            measured_from_ns=start_ns + round(job.scenario.warmup_s * NS_PER_S),
            drained_at_ns=stop_ns + drain_ns,
            borders_ns=borders_ns,
            exact_clock=job.scenario.clock is Clock.VIRTUAL,
            prepared=TrialFolder(out).prepared(workload.name),
        )
        found += [
            Program(
                f"{workload.name}-{one.name}",
                one.host,
                tuple(one.process.argv(sys.executable)),
                serves=one.process.stop_at_ns is None,
            )
            for one in kind_of(workload).processes(workload, slot)
        ]
    captures = _captures(job, start_ns, stop_ns + drain_ns, out / "samples" / FOLDER)
    if job.scenario.span_sample_ms:
        captures.append(sampler(job.plan, start_ns, stop_ns, job.scenario.span_sample_ms, out))
    if watched := watches(job.scenario.forbidden, job.scenario.workloads, job.plan):
        captures.append(counter(watched, job.plan, borders_ns, out))
    return captures + found


def _captures(job: Job, start_ns: int, stop_ns: int, out: Path) -> list[Program]:
    found = []
    for capture in job.scenario.captures:
        out.mkdir(parents=True, exist_ok=True)
        node, process = capture_process(capture, job.plan, start_ns, stop_ns, out)
        found.append(Program(f"capture-{capture.name}", node, tuple(process.argv(sys.executable))))
    return found
