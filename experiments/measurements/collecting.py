"""The end of a trial on the machine that evaluates it: its logs become tables."""

from __future__ import annotations

from experiments.events import merge_events
from experiments.measurements.converting import convert
from experiments.run_folder import TrialFolder
from experiments.spans.table import convert_spans
from experiments.trial_job import Job, TrialResult
from experiments.workloads import kind_of


def collect(trial: TrialFolder, job: Job, result: TrialResult) -> None:
    """Make the tables of a measured trial, in place of what its programs wrote.

    Raises OSError or ValueError if something is missing or damaged, or the disk takes no more.
    """
    assert result.start_ns is not None  # else nothing was measured
    sources = [
        (workload.name, trial.samples / workload.name, log)
        for workload in job.scenario.workloads
        for log in kind_of(workload).logs(workload)
    ]
    convert(sources, trial.samples, result.start_ns)
    if job.scenario.span_sample_ms:
        convert_spans(trial.samples, job.plan, result.start_ns)
    merge_events(trial, result)
