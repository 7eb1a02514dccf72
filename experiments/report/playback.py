"""What the map plays: one trial's utilisation, losses, faults, ways and events by time.

Times are seconds after the start of the workloads. Everything is thinned while it is read, so
that a page holds about the same however long the run was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.probe_points import read_probe
from experiments.report.flows import Flow, flows
from experiments.report.read import TrialData
from experiments.report.utilisation import as_bytes, read_frames
from experiments.report.ways import Way, computable, ways
from experiments.workloads.probe import ProbeWorkload
from topologies.maps.facts import short_name
from topologies.spec import Topology

MOST_LOSS_BINS = 2_000
_SHORTEST_BIN_MS = 5.0
_MOST_EVENTS = 2_000
_TOLD = frozenset({
    "port-not-live", "port-live", "span-down", "span-up", "paths-computed", "update-begun",
    "update-switched", "update-done", "span-trusted", "wait-to-restore", "span-damped",
    "partitioned", "partition-over", "switch-disconnected", "switch-connected", "update-postponed",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    """A time in which something was broken; until_s is the end of the run if it never was mended.

    cut: the spans carried nothing.
    """

    from_s: float
    until_s: float
    spans: tuple[str, ...]
    step: str

    @property
    def cut(self) -> bool:
        """Whether the spans carried nothing."""
        return self.step == "cut"


def playback(trial: TrialData, topology: Topology) -> dict[str, Any]:
    """Everything that the page's script plays of one trial."""
    measured = trial.measured
    pairs = flows(measured, trial.scenario.workloads)
    why_not = computable(measured.plan, trial.policy)
    found: Sequence[Sequence[Way]] = [[] for _ in pairs]
    if why_not is None:
        found = ways(measured.plan, trial.policy, trial.events, measured.start_ns, pairs)
    frames = read_frames(measured.samples, trial.scenario.duration_s, 2 * len(measured.plan.spans))
    names = {site.id: short_name(site.name) for site in topology.sites}
    return {
        "label": trial.label,
        "seed": trial.seed,
        "durationS": trial.scenario.duration_s,
        "utilisation": None if frames is None else as_bytes(frames),
        "losses": list(_losses(trial)),
        "faults": [_fault(one) for one in broken(trial)],
        "noWays": why_not,
        "flows": [_flow(*pair, names) for pair in zip(pairs, found, strict=True)],
        "moments": [
            [round(event["t_s"], 6), event["event"], about(event)]
            for event in told_events(trial)[:_MOST_EVENTS]
        ],
    }


def broken(trial: TrialData) -> Iterator[Broken]:
    """Each time in which something was broken: faults begin and end in turn."""
    measured = trial.measured
    open_steps: dict[tuple[int, tuple[str, ...]], tuple[float, str]] = {}
    for step in measured.steps:
        key = (step["fault"], tuple(step["spans"]))
        at_s = measured.seconds(step["t_ns"])
        if key in open_steps:
            from_s, name = open_steps.pop(key)
            yield Broken(from_s, at_s, key[1], name)
        else:
            open_steps[key] = (at_s, step["step"])
    for (_, spans), (from_s, name) in open_steps.items():
        yield Broken(from_s, trial.scenario.duration_s, spans, name)


def told_events(trial: TrialData) -> list[Mapping[str, Any]]:
    """The events that a reader wants to see: the faults, and what the controller made of them."""
    return [
        event
        for event in trial.events
        if event["t_s"] >= 0 and (event["source"] != "controller" or event["event"] in _TOLD)
    ]


def about(event: Mapping[str, Any]) -> str:
    """An event's fields in words."""
    hidden = ("t_ns", "t_s", "source", "event", "done_ns", "step", "fault")
    told = {word: value for word, value in event.items() if word not in hidden}
    return ", ".join(f"{word} {_words(value)}" for word, value in told.items())


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fault(one: Broken) -> dict[str, Any]:
    return {
        "from": round(one.from_s, 6),
        "until": round(one.until_s, 6),
        "spans": one.spans,
        "cut": one.cut,
        "step": one.step,
    }


def _flow(flow: Flow, found: Sequence[Way], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": f"{flow.workload}: {names[flow.source.site]} → {names[flow.target.site]}",
        "workload": flow.workload,
        "ways": [
            {
                "at": round(way.at_s, 6),
                "kind": way.kind,
                "spans": way.spans,
                "labels": way.labels,
                "lostAt": way.lost_at,
            }
            for way in found
        ],
    }


def _losses(trial: TrialData) -> Iterator[dict[str, Any]]:
    """Of each probe: how many packets were lost, by when they were due."""
    shortest = round(trial.scenario.duration_s * 1000 / _SHORTEST_BIN_MS)
    bins = min(MOST_LOSS_BINS, max(1, shortest))
    for workload in trial.scenario.workloads:
        if isinstance(workload, ProbeWorkload):
            found = read_probe(trial.measured, workload, bins)
            at = np.flatnonzero(found.lost)
            yield {
                "name": workload.name,
                "binMs": found.bin_ms,
                "at": [[int(index), int(found.lost[index])] for index in at],
            }
