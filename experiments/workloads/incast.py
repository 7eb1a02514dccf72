"""Incast: many hosts send a burst to one at the same instant, again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from experiments.measurements.catalogue import BURSTS_RECEIVED, BURSTS_SENT, Log
from experiments.rows import Figures, Row, all_phases, example, number, phase_pair
from experiments.workloads.kind import (
    Chart,
    HostProcess,
    Kind,
    Measured,
    Point,
    Record,
    Slot,
    WorkloadFields,
    without_schedule,
)
from experiments.workloads.ranks import size_problems
from topologies.problems import Problem
from traffic.describe import IncastReceiver, IncastSender

_RECEIVED = "received.jsonl"


class IncastWorkload(WorkloadFields):
    """Synchronised bursts over TCP."""

    refused = without_schedule(
        "its bursts are on and off by themselves; give a period_s and a size_gb, or start_s "
        "and stop_s"
    )

    kind: Literal["incast"]
    hosts: tuple[str, ...] = Field(min_length=1)
    """The senders."""
    to_host: str = Field(alias="to")
    size_gb: float = Field(gt=0)
    """Of each sender's burst, before scaling (10^9 bytes)."""
    period_s: float = Field(default=0.5, gt=0, le=86_400)
    jitter_us: float = Field(default=0.0, ge=0, le=1e9)
    """Each sender is late by a random time up to this; times are never scaled."""


def _sent(sender: int) -> str:
    return f"sent-{sender}.jsonl"


def _logs(workload: IncastWorkload) -> Iterator[Log]:
    yield Log(_RECEIVED, BURSTS_RECEIVED)
    for index in range(len(workload.hosts)):
        yield Log(_sent(index), BURSTS_SENT)


def _processes(workload: IncastWorkload, slot: Slot) -> Iterator[HostProcess]:
    receiver = IncastReceiver(
        out=slot.out(_RECEIVED),
        stop_at_ns=slot.drained_at_ns,
        port=slot.port,
        senders=len(workload.hosts),
    )
    yield HostProcess("receive", workload.to_host, receiver)
    for index, host in enumerate(workload.hosts):
        sender = IncastSender(
            out=slot.out(_sent(index)),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            to=slot.address(workload.to_host),
            sender=index,
            bytes=slot.scaled_bytes(workload.size_gb),
            period_ms=workload.period_s * 1000,
            jitter_us=workload.jitter_us,
            seed=slot.seed % 2**32,
        )
        yield HostProcess(f"send{index}", host, sender)


def _figures(trial: Measured, workload: IncastWorkload) -> Figures:
    from experiments.incast_figures import incast_figures  # noqa: PLC0415 - NetworkX

    return incast_figures(trial, workload)


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    phases = list(example(workload))
    for phase in phases:
        yield phase_pair("burst complete", workload, phase, "complete", ("p50", "max"))
    for label, key, digits in (
        ("× bound", "ratio", 3),
        ("bursts", "bursts", 0),
        ("bursts unfinished", "unfinished", 0),
        ("segments sent again", "retransmitted", 0),
    ):
        yield all_phases(label, workload, phases, _figure(key, digits))


def _figure(key: str, digits: int) -> Callable[[Figures, str], str]:
    return lambda w, phase: number(w[phase][key], digits)


def _points(trial: Measured, workload: IncastWorkload) -> Iterator[Point]:
    from experiments.incast_figures import bursts  # noqa: PLC0415 - NetworkX

    for burst in bursts(trial, workload):
        if burst.complete_ms is not None:
            yield {
                "t_s": round(trial.seconds(burst.due_ns), 6),
                "complete_ms": round(burst.complete_ms, 3),
            }


def _problems(record: Record) -> Iterator[Problem]:
    hosts, to = record.fields.get("hosts"), record.fields.get("to")
    if isinstance(hosts, list) and to in hosts:
        yield record.problem(f"receiver {to!r} is one of the hosts that send", "to")
    yield from size_problems(record, record.fields.get("size_gb"), 1, "size_gb")


KIND = Kind(
    fields=IncastWorkload,
    group="incasts",
    hosts=("hosts", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    charts=(
        Chart(
            "Incast",
            "From a burst's common instant to its last byte, by when it was due.",
            _points,
            y="complete_ms",
            y_title="burst complete, ms",
        ),
    ),
    problems=_problems,
    logs=_logs,
)
