"""Replay of a pcap file with its timing, from one host to another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from experiments.rows import Figures, Row, row
from experiments.workloads.kind import (
    HostProcess,
    Kind,
    Measured,
    Preparation,
    Record,
    Slot,
    WorkloadFields,
    without_schedule,
)
from topologies.plan import HOST_DEVICE
from topologies.problems import Problem
from traffic.describe import PacketCapture, PcapReplay
from traffic.replay import Recording

_PREPARED = "replayed.pcap"


class ReplayWorkload(WorkloadFields):
    """The IPv4 packets of a pcap file, with its timing; what arrives is kept as a pcap."""

    refused = without_schedule(
        "a replay keeps the file's own timing; give a speed, start_s or stop_s, or cut the file "
        "(editcap -A -B)"
    )

    kind: Literal["replay"]
    from_host: str = Field(alias="from")
    to_host: str = Field(alias="to")
    pcap: str
    """A file, relative to the scenario's folder."""
    speed: float = Field(default=1.0, ge=0.001, le=1000)
    """So many times as fast as it was recorded."""


def _problems(record: Record) -> Iterator[Problem]:
    name = record.fields.get("pcap")
    if not isinstance(name, str):
        return
    try:
        with (record.folder / name).open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        yield record.problem(f"{name} cannot be read: {error.strerror}", "pcap")
        return
    if magic not in _MAGICS:
        message = f"{name} is no pcap file (nor pcapng); record one with tcpdump -w"
        yield record.problem(message, "pcap")


# libpcap's in both byte orders, for µs and ns, and pcapng's.
_MAGICS = frozenset(
    bytes.fromhex(text) for text in ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")
)


def _prepare(workload: ReplayWorkload, given: Preparation) -> None:
    shutil.copyfile(given.base / workload.pcap, given.folder / _PREPARED)


def _processes(workload: ReplayWorkload, slot: Slot) -> Iterator[HostProcess]:
    capture = PacketCapture(
        out=slot.out("received.pcap"), stop_at_ns=slot.drained_at_ns, interface=HOST_DEVICE
    )
    yield HostProcess("receive", workload.to_host, capture)
    replay = PcapReplay(
        out=slot.out("sent.json"),
        start_at_ns=slot.start_at_ns,
        stop_at_ns=slot.stop_at_ns,
        pcap=str(slot.prepared / _PREPARED),
        to=slot.plan.host(workload.to_host).ip,
        speed=workload.speed,
    )
    yield HostProcess("send", workload.from_host, replay)


def _figures(trial: Measured, workload: ReplayWorkload) -> Figures:
    from experiments.replay_figures import arrived  # noqa: PLC0415 - no Scapy in the trial

    folder = trial.folder(workload)
    sent: dict[str, Any] = json.loads((folder / "sent.json").read_text(encoding="utf-8"))
    source, target = (trial.plan.host(host).ip for host in (workload.from_host, workload.to_host))
    recording = Recording(str(trial.prepared(workload) / _PREPARED), source, target)
    received = arrived(recording, sent["due"], folder / "received.pcap", source)
    return {
        "from": workload.from_host,
        "to": workload.to_host,
        **{key: sent[key] for key in ("read", "left_out", "cut_short", "sent")},
        "received": received,
        "lost": sent["due"] - received,
    }


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield row("packets lost", workload, lambda w: f"{w['lost']:,}", emphasis=True)
    yield row("packets replayed", workload, lambda w: f"{w['sent']:,}")


KIND = Kind(
    fields=ReplayWorkload,
    group="replays",
    hosts=("from", "to"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    problems=_problems,
    prepare=_prepare,
)
