"""Crafted packets: RoCEv2-shaped, VXLAN, or UDP with a chosen DSCP and ECN."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from experiments.rows import MISSING, Figures, Row, number, row
from experiments.workloads.kind import HostProcess, Kind, Measured, ShapedFields, Slot
from topologies.plan import HOST_DEVICE
from traffic.describe import CraftedPackets, PacketCapture
from traffic.frames import MAX_QUEUE_PAIR, MAX_VNI, ROCEV2_PORT, VXLAN_PORT

# Enough for the headers of each form and the packet's number behind them.
_SNAP_BYTES = 128


class CraftedWorkload(ShapedFields):
    """Packets that sockets do not send, made with Scapy; what arrives is kept as a pcap."""

    kind: Literal["crafted"]
    from_host: str = Field(alias="from")
    to_host: str = Field(alias="to")
    form: Literal["udp", "rocev2", "vxlan"] = "rocev2"
    rate_pps: int = Field(default=1000, ge=1, le=20_000)
    """Of all flows together; they take turns."""
    payload_bytes: int = Field(default=64, ge=8, le=1390)
    """The innermost payload; its first 8 bytes are the packet's number."""
    dscp: int = Field(default=0, ge=0, le=63)
    ecn: int = Field(default=0, ge=0, le=3)
    """0: not capable; 1 and 2: capable; 3: congestion was met (RFC 3168)."""
    flows: int = Field(default=1, ge=1, le=4096)
    """Each has a UDP source port of its own, which rocev2 derives from its queue pair."""
    queue_pair: int = Field(default=1, ge=0, le=MAX_QUEUE_PAIR)
    """Of rocev2's first flow; the next ones follow."""
    message_packets: int = Field(default=1, ge=1, le=2**20)
    """Packets of one rocev2 message."""
    vni: int = Field(default=1, ge=0, le=MAX_VNI)
    """VXLAN's network identifier."""


def _processes(workload: CraftedWorkload, slot: Slot) -> Iterator[HostProcess]:
    port = {"rocev2": ROCEV2_PORT, "vxlan": VXLAN_PORT}.get(workload.form, slot.port)
    capture = PacketCapture(
        out=slot.out("received.pcap"),
        stop_at_ns=slot.drained_at_ns,
        interface=HOST_DEVICE,
        snap_bytes=_SNAP_BYTES,
        port=port,
        occupy=True,
    )
    yield HostProcess("receive", workload.to_host, capture)
    sender = CraftedPackets(
        out=slot.out("sent.json"),
        start_at_ns=slot.start_at_ns,
        stop_at_ns=slot.stop_at_ns,
        to=f"{slot.plan.host(workload.to_host).ip}:{port}",
        kind=workload.form,
        rate_pps=workload.rate_pps,
        payload_bytes=workload.payload_bytes,
        dscp=workload.dscp,
        ecn=workload.ecn,
        flows=workload.flows,
        queue_pair=workload.queue_pair,
        message_packets=workload.message_packets,
        vni=workload.vni,
        ramp_s=workload.ramp_s or None,
        on_s=workload.on_s,
        off_s=workload.off_s,
    )
    yield HostProcess("send", workload.from_host, sender)


def _figures(trial: Measured, workload: CraftedWorkload) -> Figures:
    from experiments.crafted_figures import crafted_figures  # noqa: PLC0415 - no NumPy in the trial

    sent = json.loads((trial.folder(workload) / "sent.json").read_text(encoding="utf-8"))
    return crafted_figures(trial, workload, not_sent=sum(sent["not_sent"].values()))


def _note(figures: Figures) -> str:
    return f"{figures['from']} → {figures['to']}, {figures['form']}, {figures['rate_pps']:,}/s"


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield row("packets lost", workload, lambda w: f"{w['total']['lost']:,}", emphasis=True)
    yield row("delay p99, ms", workload, lambda w: number(w["total"]["delay_p99_ms"], 3))
    yield row("congestion marks", workload, _marks)


def _marks(figures: Figures) -> str:
    marks = figures["congestion_marks"]
    return MISSING if marks is None else f"{marks:,}"


KIND = Kind(
    fields=CraftedWorkload,
    group="crafted",
    hosts=("from", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    note=_note,
)
