"""Bulk: iperf3 from one host to another, as one or more streams, at once or one after another."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from experiments.rows import Figures, Row, number, row
from experiments.workloads.kind import (
    MORE_PORTS,
    HostProcess,
    Kind,
    Measured,
    Record,
    ShapedFields,
    Slot,
)
from topologies.problems import Problem
from traffic.clock import NS_PER_S
from traffic.describe import BulkClient, BulkServer

Congestion = Literal["cubic", "reno", "bbr", "dctcp"]


class BulkWorkload(ShapedFields):
    """iperf3 from one host to another: TCP as fast as it goes, or TCP or UDP at a rate."""

    kind: Literal["bulk"]
    from_host: str = Field(alias="from")
    to_host: str = Field(alias="to")
    protocol: Literal["tcp", "udp"] = "tcp"
    rate_gbps: float | None = Field(default=None, gt=0)
    """Of each stream, before scaling; needed for udp."""
    paced: bool = False
    """The kernel spaces TCP's packets at the rate; else iperf3 throttles its writes."""
    congestion: Congestion = "cubic"
    """TCP's congestion control."""
    streams: int = Field(default=1, ge=1, le=32)
    """Connections; ramp_s starts them one after another."""
    dscp: int = Field(default=0, ge=0, le=63)


@dataclass(frozen=True, slots=True)
class _Transfer:
    """One run of iperf3: from when to when, after the workload's trial began, in ns."""

    from_ns: int
    until_ns: int


def _transfers(
    start_ns: int, stop_ns: int, on_off_ns: tuple[int, int] | None, ramp_ns: int, streams: int
) -> list[_Transfer]:
    """Each stream's transfers: with a ramp they begin apart, with on and off they repeat."""
    found = []
    for stream in range(streams):
        at_ns = start_ns + ramp_ns * stream // streams
        on_ns, off_ns = on_off_ns or (stop_ns - at_ns, 0)
        while at_ns < stop_ns:
            found.append(_Transfer(at_ns, min(stop_ns, at_ns + on_ns)))
            at_ns += on_ns + off_ns
    return found


def _problems(record: Record) -> Iterator[Problem]:
    fields = record.fields
    udp = fields.get("protocol") == "udp"
    if fields.get("rate_gbps") is None:
        if udp:
            yield record.problem("udp needs a rate_gbps; add it")
        elif fields.get("paced") is True:
            yield record.problem("paced needs a rate_gbps; add it", "paced")
    if udp:
        for field in ("paced", "congestion"):
            if field in fields:
                yield record.problem(f"{field} is TCP's; leave it out with udp", field)
    times = _times_ns(record)
    if times is not None:
        yield from _unfit(record, _transfers(*times))


def _times_ns(record: Record) -> tuple[int, int, tuple[int, int] | None, int, int] | None:
    """The arguments of _transfers, if the fields are such that there are some."""
    fields = record.fields
    stop_s = fields.get("stop_s", record.scenario.get("duration_s"))
    values = [
        fields.get("start_s", 0), stop_s, fields.get("on_s", 1), fields.get("off_s", 0),
        fields.get("ramp_s", 0),
    ]  # fmt: skip
    streams = fields.get("streams", 1)
    if not all(type(value) in (int, float) and math.isfinite(value) for value in values):
        return None
    start, stop, on, off, ramp = (round(value * NS_PER_S) for value in values)
    if type(streams) is not int or not 1 <= streams <= 32 or min(start, on - 1, off, ramp) < 0:
        return None
    return start, stop, (on, off) if off else None, ramp, streams


def _unfit(record: Record, transfers: Sequence[_Transfer]) -> Iterator[Problem]:
    if len(transfers) > MORE_PORTS:
        message = f"{len(transfers)} transfers; at most {MORE_PORTS}: rest longer, or fewer streams"
        yield record.problem(message)
    for transfer in transfers:
        took_ns = transfer.until_ns - transfer.from_ns
        if took_ns % NS_PER_S:
            yield record.problem(
                f"a transfer of {took_ns / NS_PER_S:g} s (from {transfer.from_ns / NS_PER_S:g} to "
                f"{transfer.until_ns / NS_PER_S:g}); iperf3 runs whole seconds: choose start_s, "
                "stop_s, on_s and ramp_s ÷ streams so"
            )
            return


def _own_transfers(workload: BulkWorkload, start_ns: int, stop_ns: int) -> list[_Transfer]:
    on_off = None
    if workload.on_s is not None and workload.off_s is not None:
        on_off = round(workload.on_s * NS_PER_S), round(workload.off_s * NS_PER_S)
    ramp_ns = round(workload.ramp_s * NS_PER_S)
    return _transfers(start_ns, stop_ns, on_off, ramp_ns, workload.streams)


def _together(workload: BulkWorkload) -> bool:
    """Whether one run of iperf3 makes all streams."""
    return workload.ramp_s == 0 and workload.off_s is None


def _processes(workload: BulkWorkload, slot: Slot) -> Iterator[HostProcess]:
    transfers = _own_transfers(workload, slot.start_at_ns, slot.stop_at_ns)
    if _together(workload):
        transfers = transfers[:1]
    for index, transfer in enumerate(transfers):
        yield from _transfer_processes(workload, slot, index, transfer)


def _transfer_processes(
    workload: BulkWorkload, slot: Slot, index: int, transfer: _Transfer
) -> Iterator[HostProcess]:
    ending = "" if index == 0 else f"-{index}"
    port = slot.port if index == 0 else slot.more_port(index)
    server = BulkServer(
        out=slot.out(f"server{ending}.json"),
        stop_at_ns=slot.drained_at_ns,
        port=port,
    )
    yield HostProcess(f"server{ending}", workload.to_host, server)
    tcp, rate_gbps = workload.protocol == "tcp", workload.rate_gbps
    client = BulkClient(
        out=slot.out(f"client{ending}.json"),
        start_at_ns=transfer.from_ns,
        stop_at_ns=transfer.until_ns,
        to=f"{slot.plan.host(workload.to_host).ip}:{port}",
        protocol=workload.protocol,
        rate_mbps=None if rate_gbps is None else slot.scaled_mbps(rate_gbps),
        paced=workload.paced,
        congestion=workload.congestion if tcp else None,
        dscp=workload.dscp,
        streams=workload.streams if _together(workload) else 1,
    )
    yield HostProcess(f"client{ending}", workload.from_host, client)


@dataclass(frozen=True, slots=True)
class _Interval:
    """What one of iperf3's intervals received; times on the trial's clock, in ns."""

    from_ns: int
    until_ns: int
    bytes: int

    def bytes_in(self, from_ns: int, until_ns: int) -> float:
        """Its bytes in a span of time, as if they had come evenly."""
        shared_ns = min(self.until_ns, until_ns) - max(self.from_ns, from_ns)
        return self.bytes * max(0, shared_ns) / max(1, self.until_ns - self.from_ns)


def _figures(trial: Measured, workload: BulkWorkload) -> Figures:
    intervals, retransmits, lost_packets = _received(trial, workload)
    begin_ns, end_ns = trial.phases[0].from_ns, trial.phases[-1].until_ns

    def goodput_mbps(from_ns: int, until_ns: int) -> float:
        received = sum(interval.bytes_in(from_ns, until_ns) for interval in intervals)
        return received * 8 / ((until_ns - from_ns) / NS_PER_S) / 1e6

    return {
        "congestion": workload.congestion if workload.protocol == "tcp" else None,
        "marked_from_ms": trial.plan.spans[0].ecn_mark_ms if trial.plan.spans else None,
        "goodput_mbps": goodput_mbps(begin_ns, end_ns),
        "bytes": sum(interval.bytes for interval in intervals),
        "phases": {
            phase.name: {"goodput_mbps": goodput_mbps(phase.from_ns, phase.until_ns)}
            for phase in trial.phases
        },
        "retransmits": retransmits,
        "lost_packets": lost_packets,
    }


def _received(
    trial: Measured, workload: BulkWorkload
) -> tuple[list[_Interval], int | None, int | None]:
    """All intervals at the receivers; TCP's retransmissions, or UDP's lost packets."""
    folder = trial.folder(workload)
    start_ns = workload.begins_ns(trial.start_ns)
    transfers = _own_transfers(workload, start_ns, workload.ends_ns(trial.start_ns, trial.stop_ns))
    intervals, retransmits, lost = [], 0, 0
    for index, transfer in enumerate(transfers[:1] if _together(workload) else transfers):
        ending = "" if index == 0 else f"-{index}"
        reports = [
            json.loads((folder / f"{side}{ending}.json").read_text(encoding="utf-8"))
            for side in ("client", "server")
        ]
        client, server = (_whole(report, workload.name) for report in reports)
        intervals += [_interval(transfer, item["sum"]) for item in server["intervals"]]
        if workload.protocol == "tcp":
            retransmits += client["end"]["sum_sent"]["retransmits"]
        else:
            lost += client["end"]["sum"]["lost_packets"]
    udp = workload.protocol == "udp"
    return intervals, None if udp else retransmits, lost if udp else None


def _whole(report: dict[str, Any], name: str) -> dict[str, Any]:
    if "end" not in report or "intervals" not in report:
        raise ValueError(f"{name}: iperf3 did not finish: {report.get('reason')}")
    return report


def _interval(transfer: _Transfer, told: dict[str, Any]) -> _Interval:
    from_ns, until_ns = (
        transfer.from_ns + round(told[edge] * NS_PER_S) for edge in ("start", "end")
    )
    return _Interval(from_ns, until_ns, told["bytes"])


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield row("goodput, Mbit/s", workload, lambda w: number(w["goodput_mbps"], 2))


def _note(figures: Figures) -> str:
    """What this network cannot show of a congestion control."""
    if figures["congestion"] != "dctcp" or figures["marked_from_ms"] is not None:
        return ""
    return "dctcp where queues drop and never mark: it acts as Reno (see ecn_mark_ms)"


KIND = Kind(
    fields=BulkWorkload,
    group="bulk",
    hosts=("from", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    problems=_problems,
    note=_note,
)
