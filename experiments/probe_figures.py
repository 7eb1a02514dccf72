"""A probe's figures and charts, from what its receiver wrote and the trial's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from controller.graph import Graph
from experiments.failover import Outage, ProbeFlow, check_carried, delivery, outage
from experiments.healing import (
    CutSeen,
    Stage,
    last_update_ns,
    move,
    repair_stages,
    reversion_ns,
    stage,
)
from experiments.measurements.reading import arrivals
from experiments.workloads.kind import Measured, Point
from experiments.workloads.probe import ProbeWorkload
from traffic.clock import NS_PER_MS, NS_PER_S
from traffic.probe_log import gaps_between

NS_PER_US = 1_000
ZOOM_BEFORE_MS = 20.0
ZOOM_AFTER_MS = 130.0
LONGEST_GAPS = 20
_UDP_OVERHEAD_BYTES = 8 + 20 + 14  # UDP, IPv4 and Ethernet headers

_Step = Mapping[str, Any]


def probe_flow(trial: Measured, workload: ProbeWorkload, number: int = 0) -> ProbeFlow:
    """What a probe's receiver wrote of one class, with the schedule that it was sent on."""
    rows = arrivals(trial.samples, workload.name, workload.dscp[number])
    schedule = workload.schedule(trial.start_ns)
    stop_ns = workload.ends_ns(trial.start_ns, trial.stop_ns)
    count = schedule.packets_before(workload.rate_pps, stop_ns)
    return ProbeFlow(rows, schedule, workload.rate_pps, count)


def probe_figures(trial: Measured, workload: ProbeWorkload) -> dict[str, Any]:
    """All figures of a probe: those of its first class, and beside them those of each class.

    Raises OSError or ValueError if its rows are missing or damaged.
    """
    classes = {
        str(dscp): _class_figures(trial, workload, probe_flow(trial, workload, number))
        for number, dscp in enumerate(workload.dscp)
    }
    return {
        "from": workload.from_host,
        "to": workload.to_host,
        "rate_pps": workload.rate_pps,
        **classes[str(workload.dscp[0])],
        "classes": classes,
    }


def _class_figures(trial: Measured, workload: ProbeWorkload, flow: ProbeFlow) -> dict[str, Any]:
    begin_ns, end_ns = trial.phases[0].from_ns, trial.phases[-1].until_ns
    check_carried(flow, trial.phases, workload.name)
    figures: dict[str, Any] = {
        "total": asdict(delivery(flow, begin_ns, end_ns)),
        "phases": {p.name: asdict(delivery(flow, p.from_ns, p.until_ns)) for p in trial.phases},
        "longest_gaps": longest_gaps(flow, begin_ns, end_ns),
        "failover": None,
        "reoptimisation": None,
        "reversion": None,
        "move_back": None,
        "stages": {},
    }
    cuts, mends = trial.taken("cut"), trial.taken("mend")
    if cuts:
        figures["failover"] = _failover(trial, workload, flow, cuts[0])
        first_ns = cuts[0]["t_ns"]
        mended_ns = mends[0]["t_ns"] if mends else end_ns
        figures["reoptimisation"] = _move(trial, flow, "failure", first_ns, mended_ns)
        figures["stages"] = _stages(trial, workload, flow, cuts, mends)
    if mends:
        # What is lost because of the mend is sent while the packets before it are on their way.
        found = outage(flow, mends[-1]["t_ns"], end_ns)
        figures["reversion"] = asdict(found)
        figures["move_back"] = _move(trial, flow, "reversion", mends[-1]["t_ns"], end_ns)
    return figures


def _stages(
    trial: Measured,
    workload: ProbeWorkload,
    flow: ProbeFlow,
    cuts: Sequence[_Step],
    mends: Sequence[_Step],
) -> dict[str, Any]:
    """What each stage of healing cost, with its times; those that took place and were seen."""
    end_ns = trial.phases[-1].until_ns
    mended_ns = mends[0]["t_ns"] if mends else end_ns
    upstream = _way_to_cut(trial, workload, cuts[0])
    found: dict[str, Stage] = {}
    if upstream:
        cut_ns = cuts[0]["t_ns"]
        lost = outage(flow, cut_ns - upstream.to_far_end_ns, mended_ns)
        found |= repair_stages(flow, _seen(trial, upstream, cuts[0]), lost)
    update = last_update_ns(trial.events, "failure", cuts[0]["t_ns"], mended_ns)
    if update:
        found["reoptimisation"] = stage(flow, update[0], update[-1])
    if mends:
        spans = {span for cut in cuts for span in cut["spans"]}
        times = reversion_ns(trial.events, spans, mends[-1]["t_ns"], end_ns)
        if times:
            found["reversion"] = stage(flow, *times)
    return {name: asdict(one) for name, one in found.items()}


def longest_gaps(flow: ProbeFlow, from_ns: int, until_ns: int) -> list[dict[str, Any]]:
    """The LONGEST_GAPS longest gaps among the packets due in a time, in their order."""
    first, last = flow.sequences_due(from_ns, until_ns)
    gaps = gaps_between(flow.rows, first, last)
    longest = sorted(gaps, key=lambda gap: -gap.missing)[:LONGEST_GAPS]
    return [asdict(gap) for gap in sorted(longest, key=lambda gap: gap.first_missing)]


def _move(
    trial: Measured, flow: ProbeFlow, reason: str, since_ns: int, end_ns: int
) -> dict[str, Any] | None:
    found = move(flow, trial.events, reason, since_ns, end_ns)
    return None if found is None else asdict(found)


def _failover(
    trial: Measured, workload: ProbeWorkload, flow: ProbeFlow, cut: _Step
) -> dict[str, Any]:
    repair = trial.repairs_s[cut["fault"]]
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
        stages = repair_stages(flow, _seen(trial, upstream, cut), found)
        figures["lost_by_stage"] = {name: one.lost for name, one in stages.items()} or None
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


def _way_to_cut(trial: Measured, workload: ProbeWorkload, cut: _Step) -> _WayToCut | None:
    plan = trial.plan
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


def _split(trial: Measured, way: _WayToCut, cut: _Step, found: Outage) -> dict[str, float | None]:
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


def _seen(trial: Measured, way: _WayToCut, cut: _Step) -> CutSeen:
    control_ns = round(trial.plan.switch(way.site).control_delay_us * NS_PER_US)
    seen_ns = [
        event["t_ns"] - control_ns
        for event in trial.events
        if event["event"] == "port-not-live"
        and event["t_ns"] >= cut["t_ns"]
        and (event.get("switch"), event.get("span")) == (way.site, way.span)
    ]
    return CutSeen(cut["t_ns"], way.to_site_ns, way.span_delay_ns, min(seen_ns, default=None))


def loss_over_time(trial: Measured, workload: ProbeWorkload, bin_ms: int) -> Iterator[Point]:
    """Share of a probe's packets lost, in bins of their due time, where packets were due."""
    flow = probe_flow(trial, workload)
    got = np.unique(flow.rows[:, 0])
    bin_ns, from_ns = bin_ms * NS_PER_MS, trial.start_ns
    while from_ns < trial.stop_ns:
        first, last = flow.sequences_due(from_ns, from_ns + bin_ns)
        if last > first:
            received = int(np.searchsorted(got, last) - np.searchsorted(got, first))
            yield {
                "t_s": round(trial.seconds(from_ns), 6),
                "lost_percent": round(100 * (last - first - received) / (last - first), 3),
            }
        from_ns += bin_ns


def around_cut(trial: Measured, workload: ProbeWorkload) -> Iterator[Point]:
    """Every packet due around the first cut: its delay, or that it was lost."""
    cuts = trial.taken("cut")
    if not cuts:
        return
    flow, cut_ns = probe_flow(trial, workload), cuts[0]["t_ns"]
    first, last = flow.sequences_due(
        cut_ns - round(ZOOM_BEFORE_MS * NS_PER_MS), cut_ns + round(ZOOM_AFTER_MS * NS_PER_MS)
    )
    delays_ms = {
        int(row[0]): (int(row[2]) - int(row[1])) / NS_PER_MS
        for row in flow.rows[(flow.rows[:, 0] >= first) & (flow.rows[:, 0] < last)]
    }
    step = max(1, (last - first) // 400)
    for sequence in range(first, last, step):
        due_ns = flow.schedule.due_ns(flow.rate_pps, sequence)
        yield {
            "t_ms": round((due_ns - cut_ns) / NS_PER_MS, 3),
            "delay_ms": delays_ms.get(sequence, 0),
            "fate": "delivered" if sequence in delays_ms else "lost",
        }
