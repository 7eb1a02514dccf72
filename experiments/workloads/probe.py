"""Probes: numbered packets at an exact rate, what failover is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from experiments.measurements.catalogue import PROBES, Log
from experiments.rows import MISSING, Figures, Row, example, number, row
from experiments.workloads.kind import (
    Chart,
    HostProcess,
    Kind,
    Measured,
    Point,
    Record,
    ShapedFields,
    Slot,
)
from topologies.problems import Problem
from traffic.describe import ProbeReceiver, ProbeSender
from traffic.probe_packet import MAX_FLOWS

BIN_MS = 50
Dscp = Annotated[int, Field(ge=0, le=63)]


class ProbeWorkload(ShapedFields):
    """Sequence-numbered UDP at an exact rate, one way; what failover is measured on."""

    kind: Literal["probe"]
    from_host: str = Field(alias="from")
    to_host: str = Field(alias="to")
    rate_pps: int = Field(default=1000, ge=1, le=20_000)
    payload_bytes: int = Field(default=64, ge=32, le=1400)
    dscp: tuple[Dscp, ...] = Field(default=(0,), min_length=1, max_length=MAX_FLOWS)
    """Classes of service (DiffServ code points); each is a flow of its own, at the full rate."""


def _problems(record: Record) -> Iterator[Problem]:
    given = record.fields.get("dscp")
    classes = given if isinstance(given, list) else []
    for index, dscp in enumerate(classes):
        if dscp in classes[:index]:
            yield record.problem(f"class {dscp} stands here twice", "dscp", index)


def _processes(workload: ProbeWorkload, slot: Slot) -> Iterator[HostProcess]:
    receiver = ProbeReceiver(
        out=slot.out("received.i64x3"),
        stop_at_ns=slot.drained_at_ns,
        port=slot.port,
        flow=slot.index * MAX_FLOWS,
        flows=len(workload.dscp),
    )
    yield HostProcess("receive", workload.to_host, receiver)
    sender = ProbeSender(
        out=slot.out("sent.json"),
        start_at_ns=slot.start_at_ns,
        stop_at_ns=slot.stop_at_ns,
        to=slot.address(workload.to_host),
        rate_pps=workload.rate_pps,
        payload_bytes=workload.payload_bytes,
        flow=slot.index * MAX_FLOWS,
        dscp=workload.dscp,
        ramp_s=workload.ramp_s or None,
        on_s=workload.on_s,
        off_s=workload.off_s,
        # In virtual time packets leave when they are due; a real clock has to be read.
        stamp="schedule" if slot.exact_clock else "clock",
    )
    yield HostProcess("send", workload.from_host, sender)


def _logs(workload: ProbeWorkload) -> Iterator[Log]:
    for index, dscp in enumerate(workload.dscp):
        ending = f".{index}" if index else ""
        yield Log(f"received.i64x3{ending}", PROBES, {"class": dscp})


def _figures(trial: Measured, workload: ProbeWorkload) -> Figures:
    from experiments.probe_figures import probe_figures  # noqa: PLC0415 - no NumPy in the trial

    return probe_figures(trial, workload)


def _around_cut(trial: Measured, workload: ProbeWorkload) -> Iterator[Point]:
    from experiments.probe_figures import around_cut  # noqa: PLC0415 - no NumPy in the trial

    return around_cut(trial, workload)


def _loss(trial: Measured, workload: ProbeWorkload) -> Iterator[Point]:
    from experiments.probe_figures import loss_over_time  # noqa: PLC0415 - no NumPy in the trial

    return loss_over_time(trial, workload, BIN_MS)


def _note(figures: Figures) -> str:
    return f"{figures['from']} → {figures['to']}, {figures['rate_pps']:,}/s"


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    classes = list(example(workload)["classes"])
    if len(classes) == 1:
        yield from _class_rows(workload)
        return
    for dscp in classes:
        figures = [None if w is None else w["classes"][dscp] for w in workload]
        for one in _class_rows(figures):
            yield replace(one, label=f"DSCP {dscp}: {one.label}")


def _class_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield row("packets lost", workload, lambda w: f"{w['total']['lost']:,}", emphasis=True)
    shown = example(workload)
    if shown["failover"] is None:
        return
    if any(w is not None and w["failover"]["crosses_cut"] for w in workload):
        yield from _failover_rows(workload)
    if any(w is not None and w["reoptimisation"] is not None for w in workload):
        yield row("lost at the move to the best paths left", workload, _lost_in("reoptimisation"))
    if shown["reversion"] is not None:
        yield row("lost at the mend", workload, lambda w: f"{w['reversion']['lost']:,}")
    if any(w is not None and w["move_back"] is not None for w in workload):
        yield row("lost at the move back", workload, _lost_in("move_back"))


def _lost_in(move: str) -> Callable[[Figures], str]:
    return lambda w: MISSING if w[move] is None else f"{w[move]['lost']:,}"


def _failover_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    def failover(key: str, sign: str = "") -> Callable[[Figures], str]:
        return lambda w: _with_resolution(w["failover"], key, sign)

    yield row("failover by timestamps (TBM), ms", workload, failover("tbm", "−"), emphasis=True)
    yield row("failover by time of loss (TBLM), ms", workload, failover("tblm", "−"))
    yield row("failover by packets lost (PLBM), ms", workload, failover("plbm", "±"))
    if any(w is not None and w["failover"]["warnings"] for w in workload):
        yield row("  the methods disagree", workload, _warnings)
    yield row("cut to recovery, ms", workload, failover("recovery"))
    yield row("  detection, ms", workload, failover("detection"))
    yield row("  switchover, ms", workload, failover("switchover"))
    yield row("lost in flight / detection / local repair", workload, _lost_by_stage)


def _with_resolution(failover: Figures, key: str, sign: str) -> str:
    if not failover["recovered"]:
        return "not recovered"
    told = number(failover[f"{key}_ms"])
    return f"{told} {sign} {failover[f'{key}_resolution_ms']:.2g}" if sign else told


def _warnings(figures: Figures) -> str:
    found = figures["failover"]["warnings"]
    return "; ".join(one.partition(":")[0] for one in found) or MISSING


def _lost_by_stage(figures: Figures) -> str:
    stages = figures["failover"]["lost_by_stage"]
    return MISSING if stages is None else " / ".join(f"{lost:,}" for lost in stages.values())


KIND = Kind(
    fields=ProbeWorkload,
    group="probes",
    hosts=("from", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    problems=_problems,
    logs=_logs,
    note=_note,
    charts=(
        Chart(
            "Around the cut, packet by packet",
            (
                "Each mark is one probe packet: its one-way delay at the moment it was sent, "
                "or a cross if it was lost."
            ),
            _around_cut,
            y="delay_ms",
            y_title="delay, ms",
            form="around-cut",
        ),
        Chart(
            "Loss over the whole run",
            (
                f"Share of each probe's packets lost, in steps of {BIN_MS} ms. "
                "The shaded time is when the fibre was cut."
            ),
            _loss,
            y="lost_percent",
            y_title="lost, %",
            mark="line",
        ),
    ),
)
