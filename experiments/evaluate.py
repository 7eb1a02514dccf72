"""From a trial's folder to the figures of the table. Reads files only; no guest needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from controller.graph import Graph
from experiments.control import EVENTS_FILE
from experiments.failover import Outage, ProbeFlow, delivery, outage
from experiments.healing import CutSeen, lost_by_stage, move
from experiments.impact import inference_impact, training_impact
from experiments.phases import Phase, phases
from experiments.run_folder import TrialFolder, read_jsonl
from experiments.scenario import (
    AllReduceWorkload,
    BulkWorkload,
    InferenceWorkload,
    ProbeWorkload,
    SpanLoss,
)
from experiments.trial_job import Job, TrialResult
from traffic.clock import NS_PER_MS, NS_PER_S
from traffic.logs import Request, Step, read_requests, read_steps
from traffic.probe_log import read_rows
from traffic.probe_packet import packets_before

NS_PER_US = 1_000


@dataclass(frozen=True, slots=True)
class _Trial:
    folder: TrialFolder
    job: Job
    result: TrialResult
    phases: tuple[Phase, ...]
    events: Sequence[dict[str, Any]]

    @property
    def start_ns(self) -> int:
        assert self.result.start_ns is not None  # only measured trials are evaluated
        return self.result.start_ns


def evaluate(folder: TrialFolder, job: Job, result: TrialResult) -> dict[str, Any]:
    """The figures of one measured trial, by workload; units stand in the names.

    Raises OSError or ValueError if a measurement is missing or damaged.
    """
    scenario = job.scenario
    assert result.start_ns is not None
    broken = [(f.at_s, f.repair_at_s) for f in scenario.faults if not isinstance(f, SpanLoss)]
    trial = _Trial(
        folder,
        job,
        result,
        phases(result.start_ns, scenario.warmup_s, scenario.duration_s, broken),
        read_jsonl(folder.path / EVENTS_FILE),
    )
    figures: dict[str, Any] = {"probes": {}, "training": {}, "inference": {}, "bulk": {}}
    for workload in scenario.workloads:
        if isinstance(workload, ProbeWorkload):
            figures["probes"][workload.name] = _probe(trial, workload)
        elif isinstance(workload, AllReduceWorkload):
            impact = training_impact(training_log(folder, workload), trial.phases)
            figures["training"][workload.name] = {k: asdict(v) for k, v in impact.items()}
        elif isinstance(workload, InferenceWorkload):
            requests = inference_impact(inference_log(folder, workload), trial.phases)
            figures["inference"][workload.name] = {k: asdict(v) for k, v in requests.items()}
        elif isinstance(workload, BulkWorkload):
            figures["bulk"][workload.name] = _bulk(trial, workload)
    return figures


def probe_flow(folder: TrialFolder, job: Job, start_ns: int, workload: ProbeWorkload) -> ProbeFlow:
    """What a probe's receiver wrote, with the schedule that it was sent on."""
    rows = read_rows(folder.samples / workload.name / "received.i64x3")
    stop_ns = start_ns + round(job.scenario.duration_s * NS_PER_S)
    count = packets_before(start_ns, workload.rate_pps, stop_ns)
    return ProbeFlow(rows, start_ns, workload.rate_pps, count)


def training_log(folder: TrialFolder, workload: AllReduceWorkload) -> list[Step]:
    """The steps of all ranks."""
    files = sorted((folder.samples / workload.name).glob("rank-*.jsonl"))
    return [step for file in files for step in read_steps(file)]


def inference_log(folder: TrialFolder, workload: InferenceWorkload) -> list[Request]:
    """The requests of all users."""
    files = [folder.samples / workload.name / f"{user}.jsonl" for user in workload.users]
    return [request for file in files for request in read_requests(file)]


def _probe(trial: _Trial, workload: ProbeWorkload) -> dict[str, Any]:
    flow = probe_flow(trial.folder, trial.job, trial.start_ns, workload)
    begin_ns, end_ns = trial.phases[0].from_ns, trial.phases[-1].until_ns
    healthy = trial.phases[0]
    if healthy.name == "before" and not delivery(flow, begin_ns, healthy.until_ns).received:
        raise ValueError(
            f"{workload.name}: no packet arrived before any fault; the network did not carry it"
        )
    figures: dict[str, Any] = {
        "from": workload.from_host,
        "to": workload.to_host,
        "rate_pps": workload.rate_pps,
        "total": asdict(delivery(flow, begin_ns, end_ns)),
        "phases": {p.name: asdict(delivery(flow, p.from_ns, p.until_ns)) for p in trial.phases},
        "failover": None,
        "reoptimisation": None,
        "reversion": None,
        "move_back": None,
    }
    cuts = [step for step in trial.result.faults if step["step"] == "cut"]
    mends = [step for step in trial.result.faults if step["step"] == "mend"]
    if cuts:
        figures["failover"] = _failover(trial, workload, flow, cuts[0])
        first_ns = cuts[0]["t_ns"]
        mended_ns = mends[0]["t_ns"] if mends else end_ns
        figures["reoptimisation"] = _move(trial, flow, "failure", first_ns, mended_ns)
    if mends:
        # What is lost because of the mend is sent while the packets before it are on their way.
        found = outage(flow, mends[-1]["t_ns"], end_ns)
        figures["reversion"] = asdict(found)
        figures["move_back"] = _move(trial, flow, "reversion", mends[-1]["t_ns"], end_ns)
    return figures


def _move(
    trial: _Trial, flow: ProbeFlow, reason: str, since_ns: int, end_ns: int
) -> dict[str, Any] | None:
    found = move(flow, trial.events, reason, since_ns, end_ns)
    return None if found is None else asdict(found)


def _failover(
    trial: _Trial, workload: ProbeWorkload, flow: ProbeFlow, cut: dict[str, Any]
) -> dict[str, Any]:
    repair = trial.job.scenario.faults[cut["fault"]].repair_at_s
    end_ns = trial.phases[-1].until_ns
    until_ns = end_ns if repair is None else trial.start_ns + round(repair * NS_PER_S)
    upstream = _way_to_cut(trial, workload, cut)
    # The first packet that the cut can hit left its source this long before it.
    from_ns = cut["t_ns"] - (upstream.to_far_end_ns if upstream else 0)
    found = outage(flow, from_ns, until_ns)
    figures: dict[str, Any] = asdict(found) | {
        "recovered": found.recovered,
        "crosses_cut": upstream is not None,
        "detection_ms": None,
        "switchover_ms": None,
        "recovery_ms": None,
        "lost_by_stage": None,
        "cut_span_delay_ms": upstream.span_delay_ns / NS_PER_MS if upstream else None,
    }
    if upstream and found.resumed_sent_ns is not None:
        figures |= _split(trial, upstream, cut, found)
        figures["lost_by_stage"] = lost_by_stage(flow, _seen(trial, upstream, cut), found)
    return figures


@dataclass(frozen=True, slots=True)
class _WayToCut:
    """A flow's way to the first cut span on its path."""

    site: str
    span: str
    to_site_ns: int
    span_delay_ns: int

    @property
    def to_far_end_ns(self) -> int:
        return self.to_site_ns + self.span_delay_ns


def _way_to_cut(trial: _Trial, workload: ProbeWorkload, cut: dict[str, Any]) -> _WayToCut | None:
    plan = trial.job.plan
    source, target = plan.host(workload.from_host), plan.host(workload.to_host)
    graph = Graph(plan)
    bits = (workload.payload_bytes + _UDP_OVERHEAD_BYTES) * 8
    way_us = source.delay_us + bits / source.rate_mbps
    root, start = graph.site_index[target.port.switch], graph.site_index[source.port.switch]
    for site, index in graph.tree(root).walk(start):
        span = plan.spans[index]
        delay_us = span.delay_us + bits / span.rate_mbps
        if span.id in cut["spans"]:
            name = graph.sites[site]
            return _WayToCut(name, span.id, round(way_us * NS_PER_US), round(delay_us * NS_PER_US))
        way_us += delay_us
    return None


_UDP_OVERHEAD_BYTES = 8 + 20 + 14  # UDP, IPv4 and Ethernet headers


def _split(
    trial: _Trial, way: _WayToCut, cut: dict[str, Any], found: Outage
) -> dict[str, float | None]:
    """Recovery from the cut to the first packet that takes the new way, and its parts.

    recovery_ms: from the cut until a packet that gets through passes the point of
    local repair. detection_ms: from the cut until that switch knew, seen through its
    control channel, whose delay is taken off. switchover_ms: the rest.
    """
    assert found.resumed_sent_ns is not None
    recovery_ms = (found.resumed_sent_ns + way.to_site_ns - cut["t_ns"]) / NS_PER_MS
    detected_ns = _seen(trial, way, cut).detected_ns
    if detected_ns is None:
        return {"recovery_ms": recovery_ms, "detection_ms": None, "switchover_ms": None}
    detection_ms = (detected_ns - cut["t_ns"]) / NS_PER_MS
    return {
        "recovery_ms": recovery_ms,
        "detection_ms": detection_ms,
        "switchover_ms": recovery_ms - detection_ms,
    }


def _seen(trial: _Trial, way: _WayToCut, cut: dict[str, Any]) -> CutSeen:
    control_ns = round(trial.job.plan.switch(way.site).control_delay_us * NS_PER_US)
    seen_ns = [
        event["t_ns"] - control_ns
        for event in trial.events
        if event["event"] == "port-not-live"
        and event["t_ns"] >= cut["t_ns"]
        and (event.get("switch"), event.get("span")) == (way.site, way.span)
    ]
    return CutSeen(cut["t_ns"], way.to_site_ns, way.span_delay_ns, min(seen_ns, default=None))


def _bulk(trial: _Trial, workload: BulkWorkload) -> dict[str, Any]:
    path = trial.folder.samples / workload.name / "client.json"
    end = json.loads(path.read_text(encoding="utf-8"))["end"]
    total = end["sum_received"] if workload.protocol == "tcp" else end["sum"]
    return {"goodput_mbps": total["bits_per_second"] / 1e6, "bytes": total["bytes"]}
