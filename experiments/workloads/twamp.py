"""Two-way probes: TWAMP Light (STAMP) from one host to another and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from experiments.rows import Figures, Row, number, row
from experiments.workloads.kind import HostProcess, Kind, Measured, ShapedFields, Slot
from traffic.clock import NS_PER_MS
from traffic.describe import TwampReflector, TwampSender


class TwampWorkload(ShapedFields):
    """Two-way probes: TWAMP Light and STAMP packets, answered by a reflector."""

    kind: Literal["twamp"]
    from_host: str = Field(alias="from")
    to_host: str = Field(alias="to")
    rate_pps: int = Field(default=100, ge=1, le=20_000)
    payload_bytes: int = Field(default=44, ge=44, le=1400)
    dscp: int = Field(default=0, ge=0, le=63)
    """DiffServ code point there and back."""


def _processes(workload: TwampWorkload, slot: Slot) -> Iterator[HostProcess]:
    reflector = TwampReflector(
        out=slot.out("reflected.json"), stop_at_ns=slot.drained_at_ns, port=slot.port
    )
    yield HostProcess("reflect", workload.to_host, reflector)
    sender = TwampSender(
        out=slot.out("round-trips.json"),
        start_at_ns=slot.start_at_ns,
        stop_at_ns=slot.stop_at_ns,
        to=slot.address(workload.to_host),
        rate_pps=workload.rate_pps,
        payload_bytes=workload.payload_bytes,
        dscp=workload.dscp,
        count_from_ns=slot.measured_from_ns,
        ramp_s=workload.ramp_s or None,
        on_s=workload.on_s,
        off_s=workload.off_s,
    )
    yield HostProcess("send", workload.from_host, sender)


def _figures(trial: Measured, workload: TwampWorkload) -> Figures:
    path = trial.folder(workload) / "round-trips.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["sent"] and not found["received"]:
        raise ValueError(f"{workload.name}: no answer arrived; the network did not carry it")
    figures = {
        key.removesuffix("_ns") + "_ms": None if value is None else value / NS_PER_MS
        for key, value in found.items()
        if key.endswith("_ns") and key != "clock_offset_drift_ns"
    }
    counts = ("sent", "received", "lost", "duplicates", "reordered", "session")
    return {
        "from": workload.from_host,
        "to": workload.to_host,
        "rate_pps": workload.rate_pps,
        **{key: found[key] for key in counts},
        **figures,
    }


def _note(figures: Figures) -> str:
    return f"{figures['from']} → {figures['to']} → {figures['from']}, {figures['rate_pps']:,}/s"


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield row("round trips lost", workload, lambda w: f"{w['lost']:,}", emphasis=True)
    yield row("round trip p50 / p99, ms", workload, _round_trip)


def _round_trip(figures: Figures) -> str:
    return f"{number(figures['rtt_p50_ms'], 3)} / {number(figures['rtt_p99_ms'], 3)}"


KIND = Kind(
    fields=TwampWorkload,
    group="round_trips",
    hosts=("from", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    note=_note,
)
