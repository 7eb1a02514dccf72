"""Packet captures as a declared output: which interface, and the program that captures there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from experiments.workloads.kind import Record, WorkloadName
from topologies.plan import HOST_DEVICE, NetworkPlan
from topologies.problems import Problem, unknown
from topologies.spec import Strict, Topology, host_names
from traffic.clock import NS_PER_S
from traffic.describe import PacketCapture

FOLDER = "captures"


class Capture(Strict):
    """A pcap of one interface: of a host, or of a span at one of its ends."""

    name: WorkloadName
    host: str | None = None
    span: str | None = None
    at: str | None = None
    """The site at whose end of the span it is."""
    start_s: float = Field(default=0.0, ge=0)
    stop_s: float | None = Field(default=None, gt=0)
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Only UDP and TCP over IPv4 from or to this port; packets with labels are left out then."""
    snap_bytes: int = Field(default=1700, ge=64, le=65_535)
    """How much of each packet is kept."""
    max_packets: int = Field(default=1_000_000, ge=1)
    """Further packets are counted only."""


def capture_problems(record: Record) -> Iterator[Problem]:
    """What is wrong with a capture in a file beyond single fields."""
    host, span, at = (record.fields.get(field) for field in ("host", "span", "at"))
    if (host is None) == (span is None):
        yield record.problem("give either a host, or a span and at which of its ends (at)")
        return
    if span is not None and at is None:
        yield record.problem("span needs the site at whose end to capture; add at", "span")
    if host is not None and at is not None:
        yield record.problem("at belongs to a span; leave it out with a host", "at")
    if record.topology is not None:
        yield from _unknown_places(record, record.topology, host, span, at)


def _unknown_places(
    record: Record, topology: Topology, host: Any, span: Any, at: Any
) -> Iterator[Problem]:
    hosts = [name for site in topology.sites for name, _ in host_names(site)]
    if isinstance(host, str) and host not in hosts:
        yield record.problem(unknown("host", host, hosts), "host")
    spans = {one.id: (one.a, one.b) for one in topology.spans}
    if isinstance(span, str) and span not in spans:
        yield record.problem(unknown("span", span, spans), "span")
    elif isinstance(span, str) and isinstance(at, str) and at not in spans[span]:
        a, b = spans[span]
        yield record.problem(f"{span} ends at {a} and {b}, not at {at!r}", "at")


def place(capture: Capture, plan: NetworkPlan) -> tuple[str, str]:
    """The node in which to capture, and the device there."""
    if capture.host is not None:
        return capture.host, HOST_DEVICE
    assert capture.at is not None  # checked when the scenario was read
    span = {span.id: span for span in plan.spans}[capture.span or ""]
    return capture.at, span.port_at(capture.at).interface


def capture_process(
    capture: Capture, plan: NetworkPlan, start_ns: int, stop_ns: int, out: Path
) -> tuple[str, PacketCapture]:
    """The node and the program of a capture; start_ns, stop_ns: of the trial."""
    node, device = place(capture, plan)
    own_stop_ns = stop_ns
    if capture.stop_s is not None:
        own_stop_ns = min(stop_ns, start_ns + round(capture.stop_s * NS_PER_S))
    return node, PacketCapture(
        out=str(out / f"{capture.name}.pcap"),
        start_at_ns=start_ns + round(capture.start_s * NS_PER_S),
        stop_at_ns=own_stop_ns,
        interface=device,
        snap_bytes=capture.snap_bytes,
        max_packets=capture.max_packets,
        port=capture.port,
    )


def capture_figures(samples: Path, captures: tuple[Capture, ...]) -> dict[str, Mapping[str, Any]]:
    """What each capture saw. Raises OSError or ValueError if one is missing."""
    found: dict[str, Mapping[str, Any]] = {}
    for capture in captures:
        path = samples / FOLDER / f"{capture.name}.pcap.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        found[capture.name] = {
            key: told[key] for key in ("interface", "packets", "bytes", "written", "kernel_drops")
        }
    return found
