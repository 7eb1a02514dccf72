"""Training in its simplest form: compute, then an all-reduce, step after step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from experiments.workloads import training
from experiments.workloads.kind import Kind, Record
from experiments.workloads.ranks import algorithm_problems, size_problems
from topologies.problems import Problem


class AllReduceWorkload(training.TrainingFields):
    """Training: compute, then an all-reduce of the gradients, step after step."""

    kind: Literal["allreduce"]
    size_gb: float = Field(gt=0)
    """Gradients per step and rank, before scaling (10^9 bytes)."""


def _problems(record: Record) -> Iterator[Problem]:
    yield from algorithm_problems(record)
    buckets = record.fields.get("buckets", 1)
    pieces = buckets if isinstance(buckets, int) and buckets > 0 else 1
    yield from size_problems(record, record.fields.get("size_gb"), pieces, "size_gb")


KIND = Kind(
    fields=AllReduceWorkload,
    group="training",
    hosts=("hosts",),
    processes=training.processes,
    figures=training.figures,
    rows=training.rows,
    charts=training.CHARTS,
    logs=training.LOGS,
    problems=_problems,
)
