"""Training: compute, then a ring all-reduce, step after step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from pydantic import Field

from experiments.rows import Figures, Row, example, phase_pair, row
from experiments.workloads.kind import (
    Chart,
    HostProcess,
    Kind,
    Measured,
    Point,
    Slot,
    WorkloadFields,
)
from traffic.describe import AllReduceRank
from traffic.logs import Step, read_steps


class AllReduceWorkload(WorkloadFields):
    """Training: compute, then a ring all-reduce of the gradients, step after step."""

    kind: Literal["allreduce"]
    hosts: tuple[str, ...] = Field(min_length=2)
    size_gb: float = Field(gt=0)
    """Gradients per step and rank, before scaling (10^9 bytes)."""
    compute_ms: float = Field(default=100.0, ge=0)
    compute_jitter: float = Field(default=0.0, ge=0, lt=1)
    """Largest deviation of the compute time, as a share of it."""
    verify: bool = True


def _processes(workload: AllReduceWorkload, slot: Slot) -> Iterator[HostProcess]:
    peers = tuple(slot.address(host) for host in workload.hosts)
    for rank, host in enumerate(workload.hosts):
        process = AllReduceRank(
            out=slot.out(f"rank-{rank}.jsonl"),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            rank=rank,
            peers=peers,
            bytes=slot.scaled_bytes(workload.size_gb),
            compute_ms=workload.compute_ms,
            compute_jitter=workload.compute_jitter,
            verify=workload.verify,
            seed=slot.seed,
        )
        yield HostProcess(f"rank{rank}", host, process)


def _log(trial: Measured, workload: AllReduceWorkload) -> list[Step]:
    """The steps of all ranks."""
    files = sorted(trial.folder(workload).glob("rank-*.jsonl"))
    return [step for file in files for step in read_steps(file)]


def _figures(trial: Measured, workload: AllReduceWorkload) -> Figures:
    from experiments.impact import training_impact  # noqa: PLC0415 - no NumPy in the trial

    impact = training_impact(_log(trial, workload), trial.phases)
    return {phase: asdict(steps) for phase, steps in impact.items()}


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    phases = list(example(workload))
    for phase in phases:
        yield phase_pair("all-reduce", workload, phase, "allreduce", ("p50", "max"))
    for phase in phases:
        yield row(f"steps finished, {phase}", workload, _finished(phase))


def _finished(phase: str) -> Callable[[Figures], str]:
    return lambda w: f"{w[phase]['finished']:,}"


def _points(trial: Measured, workload: AllReduceWorkload) -> Iterator[Point]:
    """Each finished all-reduce: when it began and how long it took."""
    from experiments.impact import joint_steps  # noqa: PLC0415 - no NumPy in the trial

    for step in joint_steps(_log(trial, workload)):
        if step.allreduce_ms is not None and step.compute_end_ns is not None:
            yield {
                "t_s": round(trial.seconds(step.compute_end_ns), 6),
                "allreduce_ms": round(step.allreduce_ms, 3),
            }


KIND = Kind(
    fields=AllReduceWorkload,
    group="training",
    hosts=("hosts",),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    charts=(
        Chart(
            "Training",
            "Time of each all-reduce, by when it began.",
            _points,
            y="allreduce_ms",
            y_title="all-reduce, ms",
        ),
    ),
)
