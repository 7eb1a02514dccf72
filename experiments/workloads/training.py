"""Training loops: data parallel, DiLoCo, streaming DiLoCo, and a pipeline across sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from experiments.measurements.catalogue import STEPS
from experiments.model_presets import models
from experiments.rows import MISSING, Figures, Row, all_phases, example, number, phase_pair, row
from experiments.workloads.kind import (
    Chart,
    HostProcess,
    Kind,
    Measured,
    Point,
    Record,
    Slot,
)
from experiments.workloads.ranks import (
    RankFields,
    algorithm_problems,
    logs_of,
    model_problems,
    rank_log,
    rank_options,
    size_problems,
    vector_bytes,
)
from topologies.plan import NetworkPlan
from topologies.problems import Problem
from traffic.describe import TrainingRank
from traffic.logs import Step

_SETBACK = "setback"
Loop = Literal["data-parallel", "diloco", "streaming-diloco", "pipeline"]
_OWN_FIELDS = {
    "buckets": ("data-parallel",),
    "inner_steps": ("diloco", "streaming-diloco"),
    "fragments": ("streaming-diloco",),
    "overlap_steps": ("streaming-diloco",),
    "microbatches": ("pipeline",),
}


class TrainingFields(RankFields):
    """What every training loop has."""

    compute_ms: float = Field(default=100.0, ge=0)
    """Of a step: forward and backward pass of all microbatches."""
    compute_jitter: float = Field(default=0.0, ge=0, lt=1)
    """Largest deviation of the compute time, as a share of it."""
    buckets: int = Field(default=1, ge=1, le=1024)
    """Parts of the gradients, reduced while the backward pass goes on; 1: after it."""


class TrainingWorkload(TrainingFields):
    """A training loop of a model, or of a size."""

    kind: Literal["training"]
    loop: Loop = "data-parallel"
    model: str | None = None
    """A model of experiments/models.yaml; its size is what each step or synchronisation sends."""
    size_gb: float | None = Field(default=None, gt=0)
    """Instead of the model's, before scaling (10^9 bytes)."""
    inner_steps: int = Field(default=100, ge=1, le=1_000_000)
    """Steps between two synchronisations of DiLoCo."""
    fragments: int = Field(default=4, ge=1, le=1024)
    """Parts of the model that streaming DiLoCo sends in turn."""
    overlap_steps: int = Field(default=1, ge=0, le=1_000_000)
    """Steps after which streaming DiLoCo needs a fragment's result."""
    microbatches: int = Field(default=8, ge=1, le=1024)
    """Of a step of a pipeline, whose stages are the hosts in order."""


def training_bytes(workload: TrainingFields, plan: NetworkPlan) -> int:
    """What a step or a synchronisation (or a microbatch of a pipeline) sends, after scaling."""
    size_gb: float | None = getattr(workload, "size_gb", None)
    if size_gb is None:
        model = models()[getattr(workload, "model", "")]
        piped = getattr(workload, "loop", "") == "pipeline"
        size_gb = model.activations_gb if piped else model.gradients_gb
    assert size_gb is not None  # see _problems
    return vector_bytes(plan, size_gb)


def loop_options(workload: TrainingFields) -> dict[str, Any]:
    """The program's fields that follow from the loop."""
    options: dict[str, Any] = {"buckets": workload.buckets}
    if isinstance(workload, TrainingWorkload):
        streams = workload.loop == "streaming-diloco"
        options |= {
            "loop": workload.loop,
            "inner_steps": workload.inner_steps,
            "microbatches": workload.microbatches,
            "fragments": workload.fragments if streams else 1,
            "overlap_steps": workload.overlap_steps if streams else 0,
        }
    return options


def processes(workload: TrainingFields, slot: Slot) -> Iterator[HostProcess]:
    """A program for each rank."""
    for rank, host in enumerate(workload.hosts):
        process = TrainingRank(
            out=slot.out(rank_log(rank)),
            rank=rank,
            bytes=training_bytes(workload, slot.plan),
            compute_ms=workload.compute_ms,
            compute_jitter=workload.compute_jitter,
            **loop_options(workload),
            **rank_options(workload, slot),
        )
        yield HostProcess(f"rank{rank}", host, process)


def log(trial: Measured, workload: TrainingFields) -> list[Step]:
    """The steps of all ranks."""
    from experiments.measurements.reading import records  # noqa: PLC0415 - no Arrow in the trial

    return records(trial.samples, STEPS, workload.name)


def figures(trial: Measured, workload: TrainingFields) -> Figures:
    """Each phase's steps, beside what a step takes at least; and what the fault cost."""
    from experiments.impact import setback, training_impact  # noqa: PLC0415 - no NumPy in the trial
    from experiments.training_bound import step_bound_s  # noqa: PLC0415 - nor NetworkX

    bound_s = step_bound_s(trial.plan, workload)
    steps = log(trial, workload)
    impact = training_impact(steps, trial.phases, bound_s)
    cost = setback(steps, trial.phases)
    return {phase: asdict(found) for phase, found in impact.items()} | {
        _SETBACK: None if cost is None else asdict(cost)
    }


def rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    """The figures of a training loop."""
    phases = [phase for phase in example(workload) if phase != _SETBACK]
    for phase in phases:
        yield phase_pair("all-reduce", workload, phase, "allreduce", ("p50", "max"))
    for label, key, digits, unit in (
        ("mean step, × its bound", "step_ratio", 3, ""),
        ("exposed communication, mean", "exposed_mean_ms", 1, "ms"),
        ("goodput (share of time computing)", "goodput", 3, ""),
        ("steps finished", "finished", 0, ""),
    ):
        yield all_phases(label, workload, phases, _figure(key, digits), unit)
    if any(w is not None and w[_SETBACK] is not None for w in workload):
        yield row("steps stretched / lost by the fault", workload, _lost)
        yield row("fault to usual steps again, ms", workload, _recovery)


def _figure(key: str, digits: int) -> Callable[[Figures, str], str]:
    return lambda w, phase: number(w[phase][key], digits)


def _lost(figures: Figures) -> str:
    cost = figures[_SETBACK]
    return MISSING if cost is None else f"{cost['steps_stretched']:,} / {cost['steps_lost']:.1f}"


def _recovery(figures: Figures) -> str:
    cost = figures[_SETBACK]
    if cost is None:
        return MISSING
    return "never" if cost["recovery_ms"] is None else number(cost["recovery_ms"])


def _points(trial: Measured, workload: TrainingFields) -> Iterator[Point]:
    """Each finished all-reduce: when it began and how long it took."""
    from experiments.impact import joint_steps  # noqa: PLC0415 - no NumPy in the trial

    for step in joint_steps(log(trial, workload)):
        if step.allreduce_ms is not None and step.compute_end_ns is not None:
            yield {
                "t_s": round(trial.seconds(step.compute_end_ns), 6),
                "allreduce_ms": round(step.allreduce_ms, 3),
            }


LOGS = logs_of(STEPS)
CHARTS: tuple[Chart[Any], ...] = (
    Chart(
        "Training",
        "From the end of computing to the end of the step, by when it began.",
        _points,
        y="allreduce_ms",
        y_title="all-reduce, ms",
    ),
)


def _problems(record: Record) -> Iterator[Problem]:
    yield from algorithm_problems(record)
    yield from model_problems(record)
    fields = record.fields
    loop = fields.get("loop", "data-parallel")
    for field, loops in _OWN_FIELDS.items():
        if field in fields and isinstance(loop, str) and loop not in loops:
            yield record.problem(f"belongs to loop {' or '.join(loops)}, not to {loop}", field)
    if fields.get("model") is None and fields.get("size_gb") is None:
        yield record.problem("needs a model or a size_gb; add one of them")
    yield from _turns(record)
    model = models().get(str(fields.get("model")))
    size_gb, place = fields.get("size_gb"), "size_gb"
    if size_gb is None and model:
        size_gb, place = model.activations_gb if loop == "pipeline" else model.gradients_gb, "model"
        if size_gb is None:
            yield record.problem("has no public hidden size; give a size_gb as well", "model")
    yield from size_problems(record, size_gb, _pieces(fields, loop), place)


def _turns(record: Record) -> Iterator[Problem]:
    fields = record.fields
    inner, parts = fields.get("inner_steps", 100), fields.get("fragments", 4)
    streams = fields.get("loop") == "streaming-diloco"
    if streams and isinstance(inner, int) and isinstance(parts, int) and parts > inner:
        message = f"{parts} fragments have no turn each in {inner} inner_steps"
        yield record.problem(message, "fragments" if "fragments" in fields else "inner_steps")


def _pieces(fields: Any, loop: object) -> int:
    name = {"data-parallel": "buckets", "streaming-diloco": "fragments"}.get(str(loop))
    value = fields.get(name, 4 if name == "fragments" else 1) if name else 1
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


KIND = Kind(
    fields=TrainingWorkload,
    group="training_loops",
    hosts=("hosts",),
    processes=processes,
    figures=figures,
    rows=rows,
    charts=CHARTS,
    logs=LOGS,
    problems=_problems,
)
