"""Collective operations one after the other, measured as nccl-tests does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from experiments.measurements.catalogue import COLLECTIVES as LOGGED
from experiments.rows import MISSING, Figures, Row, all_phases, example, number
from experiments.workloads.kind import Chart, HostProcess, Kind, Measured, Point, Record, Slot
from experiments.workloads.ranks import (
    RankFields,
    algorithm_problems,
    logs_of,
    rank_log,
    rank_options,
    size_problems,
    vector_bytes,
)
from topologies.problems import Problem, unknown
from traffic.clock import NS_PER_MS
from traffic.collectives.catalogue import COLLECTIVES
from traffic.describe import CollectiveRank

FIRST_NAMES = tuple(COLLECTIVES)


class CollectiveWorkload(RankFields):
    """A collective operation of one or more sizes, over and over."""

    kind: Literal["collective"]
    operation: str = FIRST_NAMES[0]
    """all-reduce, reduce-scatter, all-gather, all-to-all, broadcast, send-receive, gather,
    scatter."""
    sizes_gb: tuple[float, ...] = Field(min_length=1)
    """Of the whole vector, as nccl-tests counts it, before scaling (10^9 bytes)."""
    iterations: int | None = Field(default=None, ge=1, le=1_000_000)
    """Operations of each size; without it, the sizes take turns until the end."""
    warm_up: int = Field(default=5, ge=0, le=1_000_000)
    """Operations before them that do not count."""
    period_s: float = Field(default=0.0, ge=0, le=86_400)
    """From one start to the next, at least."""
    root: str | None = None
    """The host that a broadcast, scatter or gather is from or to; the first one."""


def rank_processes(
    workload: RankFields, slot: Slot, sizes_bytes: Sequence[int], **options: Any
) -> Iterator[HostProcess]:
    """A program for each rank."""
    for rank, host in enumerate(workload.ranks):
        process = CollectiveRank(
            out=slot.out(rank_log(rank)),
            rank=rank,
            bytes=tuple(map(str, sizes_bytes)),
            one_clock=True,  # all hosts are one machine's
            **options,
            **rank_options(workload, slot),
        )
        yield HostProcess(f"rank{rank}", host, process)


def _processes(workload: CollectiveWorkload, slot: Slot) -> Iterator[HostProcess]:
    sizes = [vector_bytes(slot.plan, size_gb) for size_gb in workload.sizes_gb]
    return rank_processes(
        workload, slot, sizes, collective=workload.operation, iterations=workload.iterations,
        warm_up=workload.warm_up, period_s=workload.period_s, root=_root(workload),
    )  # fmt: skip


def _root(workload: CollectiveWorkload) -> int:
    return workload.hosts.index(workload.root) if workload.root else 0


def _figures(trial: Measured, workload: CollectiveWorkload) -> Figures:
    from experiments.collective_figures import collective_figures  # noqa: PLC0415 - NetworkX

    return collective_figures(trial, workload, workload.operation, _root(workload))


def note(figures: Figures) -> str:
    """What it is, under the title."""
    return f"{figures['collective']}, {figures['algorithm']}, {figures['ranks']} ranks"


def rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    """For each size nccl-tests' columns that matter most, with all phases in a row."""
    shown = example(workload)["phases"]
    phases = list(shown)
    for index, size in enumerate(shown[phases[0]]):
        title = f"{size['size_bytes']:,} B"
        for label, key, digits, unit in (
            ("time", "time_us", 2, "ms"),
            ("busbw", "busbw_mbps", 2, "Mbit/s"),
            ("× bound", "ratio", 3, ""),
        ):
            value = _figure(index, key, digits)
            shows = f"{title}: {label}"
            yield all_phases(shows, workload, phases, value, unit, emphasis=label == "time")
        counts = _count(index, "iterations"), _count(index, "unfinished")
        yield all_phases(f"{title}: operations", workload, phases, counts[0])
        if any(w is not None and any(_all(w, index, "unfinished")) for w in workload):
            yield all_phases(f"{title}: unfinished", workload, phases, counts[1])
        if any(wrong is not None for wrong in _all(example(workload), index, "wrong")):
            yield all_phases(f"{title}: wrong numbers", workload, phases, _count(index, "wrong"))


def _all(figures: Figures, index: int, key: str) -> list[Any]:
    return [sizes[index][key] for sizes in figures["phases"].values()]


def _figure(index: int, key: str, digits: int) -> Callable[[Figures, str], str]:
    def shown(figures: Figures, phase: str) -> str:
        value = figures["phases"][phase][index][key]
        if value is not None and key.endswith("_us"):
            value /= 1000
        return number(value, digits)

    return shown


def _count(index: int, key: str) -> Callable[[Figures, str], str]:
    def shown(figures: Figures, phase: str) -> str:
        count = figures["phases"][phase][index][key]
        return MISSING if count is None else f"{count:,}"

    return shown


def _points(trial: Measured, workload: RankFields) -> Iterator[Point]:
    """Each operation of the first rank: when it began and how long it took there."""
    from experiments.collective_figures import runs_of  # noqa: PLC0415 - NetworkX

    for run in runs_of(trial, workload):
        if run.rank == 0 and run.start_ns is not None and run.end_ns is not None:
            yield {
                "t_s": round(trial.seconds(run.start_ns), 6),
                "collective_ms": round((run.end_ns - run.start_ns) / NS_PER_MS, 3),
            }


LOGS = logs_of(LOGGED)
CHARTS: tuple[Chart[Any], ...] = (
    Chart(
        "Collectives",
        "Time of each operation at its first rank, by when it began.",
        _points,
        y="collective_ms",
        y_title="collective, ms",
    ),
)


def _problems(record: Record) -> Iterator[Problem]:
    name = record.fields.get("operation", FIRST_NAMES[0])
    if not isinstance(name, str):
        return
    if name in COLLECTIVES:
        yield from algorithm_problems(record, name)
    else:
        yield record.problem(unknown("operation", name, COLLECTIVES), "operation")
    hosts, root = record.fields.get("hosts"), record.fields.get("root")
    if isinstance(root, str) and isinstance(hosts, list) and root not in hosts:
        yield record.problem(unknown("root among the hosts", root, map(str, hosts)), "root")
    sizes = record.fields.get("sizes_gb")
    sizes = sizes if isinstance(sizes, list) else []
    for index, size_gb in enumerate(sizes):
        yield from size_problems(record, size_gb, 1, "sizes_gb", index)
        if size_gb in sizes[:index]:
            yield record.problem(f"size {size_gb} stands here twice", "sizes_gb", index)


KIND = Kind(
    fields=CollectiveWorkload,
    group="collectives",
    hosts=("hosts",),
    processes=_processes,
    figures=_figures,
    rows=rows,
    note=note,
    charts=CHARTS,
    logs=LOGS,
    problems=_problems,
)
