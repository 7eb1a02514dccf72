"""From a scenario's rules to what is counted where, and back to figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.forbidden.rule import Forbidden, hosts_of
from experiments.phases import Phase
from experiments.processes import Program
from experiments.rows import MISSING, Figures, Row, row
from experiments.workloads.kind import WorkloadFields
from topologies.plan import NetworkPlan

COUNTS = "forbidden.json"
"""Among the samples."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The receiving end of a span in one direction, and whose packets must not come there."""

    workload: str
    span: str
    towards: str
    device: str
    addresses: tuple[str, ...]


def watches(
    rules: Sequence[Forbidden], workloads: Sequence[WorkloadFields], plan: NetworkPlan
) -> list[Watch]:
    """All ends of all spans of all rules."""
    by_name = {workload.name: workload for workload in workloads}
    spans = {span.id: span for span in plan.spans}
    return [
        Watch(rule.workload, name, end.switch, end.interface, _addresses(by_name, rule, plan))
        for rule in rules
        for name in rule.spans
        for end in (spans[name].a, spans[name].b)
    ]


def _addresses(
    workloads: Mapping[str, WorkloadFields], rule: Forbidden, plan: NetworkPlan
) -> tuple[str, ...]:
    return tuple(plan.host(host).ip for host in hosts_of(workloads[rule.workload], plan))


def counter(
    found: Sequence[Watch], plan: NetworkPlan, borders_ns: Sequence[int], out: Path
) -> Program:
    """The program that counts; out: the trial's folder."""
    path = out / "prepared" / "watches.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in found]), encoding="utf-8")
    command = (
        sys.executable, "-m", "experiments.forbidden.counter", "--watches", str(path),
        "--borders-ns", ",".join(map(str, borders_ns)), "--out", str(out / "samples" / COUNTS),
    )  # fmt: skip
    # All switches are in one network namespace.
    return Program("forbidden", plan.switches[0].name, command)


def forbidden_figures(
    samples: Path, found: Sequence[Watch], phases: Sequence[Phase]
) -> dict[str, Any]:
    """Each phase's packets where they must not be; null where the counter saw nothing at all.

    Raises OSError or ValueError if the counts are missing.
    """
    counts = json.loads((samples / COUNTS).read_text(encoding="utf-8"))["phases"]
    seen = [sum(phase[number][1] for phase in counts) for number in range(len(found))]
    told = {}
    for phase, of_phase in zip(phases, counts, strict=False):
        places = [
            {
                "workload": watch.workload,
                "span": watch.span,
                "towards": watch.towards,
                "packets": packets if seen[number] else None,
                "seen_packets": all_packets,
            }
            for number, (watch, (packets, all_packets)) in enumerate(
                zip(found, of_phase, strict=True)
            )
        ]
        known = [place["packets"] for place in places]
        told[phase.name] = {
            "packets": None if None in known else sum(known),
            "places": places,
        }
    return told


def rows(policies: Sequence[Figures | None]) -> Iterator[Row]:
    """Packets where they must not be, phase by phase."""
    phases = dict.fromkeys(phase for one in policies if one is not None for phase in one)
    for phase in phases:
        yield row(f"packets counted, {phase}", policies, _packets(phase), emphasis=True)


def _packets(phase: str) -> Callable[[Figures], str]:
    def told(figures: Figures) -> str:
        found: Mapping[str, Any] | None = figures.get(phase)
        return MISSING if found is None or found["packets"] is None else f"{found['packets']:,}"

    return told
