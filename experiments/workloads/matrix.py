"""A traffic matrix: all pairs of sites at once, up to a declared share of the capacity."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from pydantic import Field

from experiments.matrices import (
    chosen_hosts,
    demanded,
    fullest,
    gravity,
    loads_mbps,
    scaled_to,
    uniform,
)
from experiments.phases import Phase
from experiments.rows import Figures, Row, example, row
from experiments.workloads.kind import (
    HostProcess,
    Kind,
    Measured,
    Record,
    ShapedFields,
    Slot,
)
from topologies.plan import NetworkPlan
from topologies.problems import Problem
from traffic.clock import NS_PER_MS
from traffic.describe import MatrixReceiver, MatrixSender
from traffic.matrix_send import packets_before, phase_of

WORST_PAIRS = 20
_Pair = tuple[str, str]


class MatrixWorkload(ShapedFields):
    """All pairs of hosts at once, in proportion to a model, with large packets."""

    kind: Literal["matrix"]
    model: Literal["gravity", "demands", "uniform"] = "gravity"
    """`demands` are the topology's own, such as SNDlib's."""
    hosts: tuple[str, ...] = ()
    """Who takes part; left out: one host of each site."""
    load: float | None = Field(default=None, gt=0, le=2)
    """Of the fullest link, as a share of its rate; left out: the demands as they are."""
    payload_bytes: int = Field(default=1400, ge=32, le=1472)
    dscp: int = Field(default=0, ge=0, le=63)


def _problems(record: Record) -> Iterator[Problem]:
    fields = record.fields
    model = fields.get("model", "gravity")
    if model != "demands" and fields.get("load") is None:
        yield record.problem("needs a load (of the fullest link, such as 0.8); add it")
    if model == "demands" and record.topology is not None and not record.topology.demands:
        message = "the topology has no demands; choose gravity or uniform"
        yield record.problem(message, "model")
    hosts = fields.get("hosts")
    if isinstance(hosts, list) and len(hosts) == 1:
        yield record.problem("a matrix needs at least 2 hosts", "hosts")


def _rates_mbps(workload: MatrixWorkload, plan: NetworkPlan) -> dict[_Pair, float]:
    hosts = chosen_hosts(plan, workload.hosts)
    if workload.model == "uniform":
        matrix = uniform(hosts)
    elif workload.model == "gravity":
        matrix = gravity(plan, hosts)
    else:
        matrix = demanded(plan, hosts)
    if not matrix:
        raise ValueError(f"{workload.name}: no two hosts have anything to send to each other")
    return matrix if workload.load is None else scaled_to(plan, matrix, workload.load)


def _flows(workload: MatrixWorkload, plan: NetworkPlan) -> list[tuple[int, _Pair, int]]:
    """Each flow's number, its pair and its rate in bit/s, those of one sender together."""
    rates = sorted(_rates_mbps(workload, plan).items())
    return [
        (number, pair, max(1, round(rate_mbps * 1e6)))
        for number, (pair, rate_mbps) in enumerate(rates)
    ]


def _processes(workload: MatrixWorkload, slot: Slot) -> Iterator[HostProcess]:
    flows = _flows(workload, slot.plan)
    for host in dict.fromkeys(pair[1] for _, pair, _ in flows):
        receiver = MatrixReceiver(
            out=slot.out(f"received-{host}.json"),
            stop_at_ns=slot.drained_at_ns,
            port=slot.port,
            borders_ns=slot.borders_ns,
        )
        yield HostProcess(f"receive-{host}", host, receiver)
    for host, own in groupby(flows, key=lambda flow: flow[1][0]):
        sender = MatrixSender(
            out=slot.out(f"sent-{host}.json"),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            flows=tuple(
                f"{number}@{slot.address(pair[1])}={rate_bps / 1e6:.6f}"
                for number, pair, rate_bps in own
            ),
            payload_bytes=workload.payload_bytes,
            dscp=workload.dscp,
            seed=slot.seed,
            ramp_s=workload.ramp_s or None,
            on_s=workload.on_s,
            off_s=workload.off_s,
        )
        yield HostProcess(f"send-{host}", host, sender)


def _figures(trial: Measured, workload: MatrixWorkload) -> Figures:
    flows = _flows(workload, trial.plan)
    got = _got(trial, workload, [pair[1] for _, pair, _ in flows])
    sent = _sent(trial, workload, [pair[0] for _, pair, _ in flows])
    link, share = fullest(trial.plan, loads_mbps(trial.plan, _rates_mbps(workload, trial.plan)))
    due = {number: _due(trial, workload, sent[str(number)], number) for number, _, _ in flows}
    return {
        "model": workload.model,
        "hosts": len({host for _, pair, _ in flows for host in pair}),
        "pairs": len(flows),
        "fullest_link": {"link": link[0], "from": link[1], "load": round(share, 6)},
        "phases": {
            phase.name: _phase_figures(index, flows, due, got)
            for index, phase in enumerate(trial.phases)
        },
    }


def _due(trial: Measured, workload: MatrixWorkload, sent: dict[str, Any], number: int) -> list[int]:
    """A flow's packets that were due before each border."""
    schedule = workload.schedule(trial.start_ns)
    stop_ns = workload.ends_ns(trial.start_ns, trial.stop_ns)
    seed_phase = phase_of(sent["seed"], number)
    return [
        packets_before(
            schedule, sent["rate_bps"], workload.payload_bytes, seed_phase, min(at_ns, stop_ns)
        )
        for at_ns in _borders(trial.phases)
    ]


def _borders(phases: Sequence[Phase]) -> list[int]:
    return [*(phase.from_ns for phase in phases), phases[-1].until_ns]


def _got(trial: Measured, workload: MatrixWorkload, hosts: Sequence[str]) -> dict[str, Any]:
    """Each flow's counts at its receiver; a flow of which nothing came has none."""
    found: dict[str, Any] = {}
    for host in dict.fromkeys(hosts):
        path = trial.folder(workload) / f"received-{host}.json"
        found |= json.loads(path.read_text(encoding="utf-8"))["flows"]
    return found


def _sent(trial: Measured, workload: MatrixWorkload, hosts: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for host in dict.fromkeys(hosts):
        path = trial.folder(workload) / f"sent-{host}.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        found |= {key: {**flow, "seed": told["seed"]} for key, flow in told["flows"].items()}
    return found


def _phase_figures(
    index: int,
    flows: Sequence[tuple[int, _Pair, int]],
    due: dict[int, list[int]],
    got: dict[str, Any],
) -> Figures:
    pairs, delay_sum_ns, delay_max_ns = [], 0, 0
    for number, pair, _ in flows:
        offered = due[number][index + 1] - due[number][index]
        counts = got.get(str(number))
        if counts:
            delay_sum_ns += counts["delay_sum_ns"][index + 1]
            delay_max_ns = max(delay_max_ns, counts["delay_max_ns"][index + 1])
        if offered:
            pairs.append(_PairCount(*pair, offered, counts["packets"][index + 1] if counts else 0))
    offered, received = sum(pair.offered for pair in pairs), sum(pair.received for pair in pairs)
    worst = sorted((pair for pair in pairs if pair.shortfall), key=lambda pair: -pair.shortfall)
    return {
        "offered": offered,
        "received": received,
        "shortfall": None if not offered else 1 - received / offered,
        "short_pairs": len(worst),
        "worst_pairs": [pair.record() for pair in worst[:WORST_PAIRS]],
        "delay_mean_ms": delay_sum_ns / received / NS_PER_MS if received else None,
        "delay_max_ms": delay_max_ns / NS_PER_MS if received else None,
    }


@dataclass(frozen=True, slots=True)
class _PairCount:
    """What was due from one host to another in a phase, and how much of it came."""

    source: str
    target: str
    offered: int
    received: int

    @property
    def shortfall(self) -> float:
        """The share that did not come."""
        return 1 - self.received / self.offered

    def record(self) -> dict[str, Any]:
        """As it stands in the summary."""
        return {
            "from": self.source,
            "to": self.target,
            "offered": self.offered,
            "received": self.received,
            "shortfall": round(self.shortfall, 6),
        }


def _note(figures: Figures) -> str:
    link = figures["fullest_link"]
    where = f"{link['link']} from {link['from']}"
    return f"{figures['model']}, {figures['pairs']:,} pairs; {where} at {link['load']:.0%}"


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    for phase in example(workload)["phases"]:
        emphasis = phase == "during"
        yield row(f"packets lost of all, {phase}, %", workload, _lost(phase), emphasis)
    for phase in example(workload)["phases"]:
        yield row(f"pairs that lost some, {phase}", workload, _short(phase))


def _lost(phase: str) -> Callable[[Figures], str]:
    def value(figures: Figures) -> str:
        shortfall = figures["phases"][phase]["shortfall"]
        return "–" if shortfall is None else f"{100 * shortfall:.3f}"

    return value


def _short(phase: str) -> Callable[[Figures], str]:
    return lambda w: f"{w['phases'][phase]['short_pairs']:,} of {w['pairs']:,}"


KIND = Kind(
    fields=MatrixWorkload,
    group="matrices",
    hosts=("hosts",),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    problems=_problems,
    note=_note,
)
