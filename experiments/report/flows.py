"""Which pairs of hosts a scenario's workloads connect, for the map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from experiments.workloads.kind import Measured, WorkloadFields
from topologies.plan import PlannedHost

# A reader chooses among them from a list.
MOST_FLOWS = 24


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets from one host to another of a workload."""

    workload: str
    source: PlannedHost
    target: PlannedHost


def flows(trial: Measured, workloads: tuple[WorkloadFields, ...]) -> list[Flow]:
    """One flow for each workload and pair of switches, at most MOST_FLOWS of all."""
    found: dict[tuple[str, str, str], Flow] = {}
    for workload in workloads:
        for source, target in _pairs(trial, workload):
            flow = Flow(workload.name, trial.plan.host(source), trial.plan.host(target))
            ends = (flow.source.port.switch, flow.target.port.switch)
            if ends[0] != ends[1]:
                found.setdefault((workload.name, *ends), flow)
    return list(found.values())[:MOST_FLOWS]


def _pairs(trial: Measured, workload: WorkloadFields) -> Iterator[tuple[str, str]]:
    fields = workload.model_dump(by_alias=True)
    hosts = list(fields.get("hosts") or ())
    if "users" in fields:
        yield from _of_users(trial, workload, fields)
    elif "from" in fields and "to" in fields:
        yield fields["from"], fields["to"]
    elif "to" in fields:
        yield from ((host, fields["to"]) for host in hosts)
    elif "storage" in fields:
        yield from ((host, fields["storage"]) for host in hosts)
    elif len(hosts) > 1:
        yield from pairwise([*hosts, hosts[0]])


def _of_users(
    trial: Measured, workload: WorkloadFields, fields: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Each user with the server that it asks first."""
    servers = [fields["server"]] if fields.get("server") else list(fields["servers"])
    orders = dict.fromkeys(fields["users"], servers)
    path = trial.prepared(workload) / "placement.json"
    if path.exists():
        orders |= json.loads(path.read_text(encoding="utf-8"))
    for user in fields["users"]:
        yield user, orders[user][0]
