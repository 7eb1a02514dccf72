"""Bulk: iperf3 from one host to another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from experiments.rows import Figures, Row, number, row
from experiments.workloads.kind import HostProcess, Kind, Measured, Record, Slot, WorkloadFields
from topologies.problems import Problem
from traffic.describe import BulkClient, BulkServer


class BulkWorkload(WorkloadFields):
    """iperf3 from one host to another: TCP as fast as it goes, or UDP at a rate."""

    kind: Literal["bulk"]
    from_host: str = Field(alias="from")
    to_host: str = Field(alias="to")
    protocol: Literal["tcp", "udp"] = "tcp"
    rate_gbps: float | None = Field(default=None, gt=0)
    """Before scaling; needed for udp."""


def _problems(record: Record) -> Iterator[Problem]:
    if record.fields.get("protocol") == "udp" and record.fields.get("rate_gbps") is None:
        yield record.problem("udp needs a rate_gbps; add it")


def _processes(workload: BulkWorkload, slot: Slot) -> Iterator[HostProcess]:
    server = BulkServer(out=slot.out("server.json"), stop_at_ns=slot.drained_at_ns, port=slot.port)
    yield HostProcess("server", workload.to_host, server)
    rate_gbps = workload.rate_gbps
    client = BulkClient(
        out=slot.out("client.json"),
        start_at_ns=slot.start_at_ns,
        stop_at_ns=slot.stop_at_ns,
        to=slot.address(workload.to_host),
        protocol=workload.protocol,
        rate_mbps=None if rate_gbps is None else slot.scaled_mbps(rate_gbps),
    )
    yield HostProcess("client", workload.from_host, client)


def _figures(trial: Measured, workload: BulkWorkload) -> Figures:
    path = trial.folder(workload) / "client.json"
    end = json.loads(path.read_text(encoding="utf-8"))["end"]
    total = end["sum_received"] if workload.protocol == "tcp" else end["sum"]
    return {"goodput_mbps": total["bits_per_second"] / 1e6, "bytes": total["bytes"]}


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield row("goodput, Mbit/s", workload, lambda w: number(w["goodput_mbps"], 2))


KIND = Kind(
    fields=BulkWorkload,
    group="bulk",
    hosts=("from", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    problems=_problems,
)
