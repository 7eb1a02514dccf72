"""What the users of an inference workload got, phase by phase, and the rows that show it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from experiments.inference_energy import energy_figures
from experiments.measurements.catalogue import REQUESTS
from experiments.measurements.reading import records
from experiments.phases import Phase
from experiments.rows import MISSING, Figures, Row, example, number, row
from experiments.workloads.inference import InferenceWorkload
from experiments.workloads.kind import Measured
from traffic.clock import NS_PER_S
from traffic.inference_figures import ServiceFigures, service_figures
from traffic.logs import Request
from traffic.objectives import MLPERF, Objective


def logged(trial: Measured, workload: InferenceWorkload) -> list[Request]:
    """The requests of all users, in the order in which they were due."""
    found = records(trial.samples, REQUESTS, workload.name)
    return sorted(found, key=lambda request: (request.due_ns, request.id))


def objective_of(workload: InferenceWorkload) -> Objective:
    """What the workload's users expect."""
    named = MLPERF[workload.objective]
    return Objective(
        workload.ttft_limit_ms or named.ttft_ms, workload.tpot_limit_ms or named.tpot_ms
    )


def figures(trial: Measured, workload: InferenceWorkload) -> Figures:
    """See docs/reference/inference.md. Raises OSError or ValueError."""
    objective = objective_of(workload)
    hosts = {host.ip: host.name for host in trial.plan.hosts}
    requests = [_by_name(request, hosts) for request in logged(trial, workload)]
    served = {host: _counts(trial, workload, host) for host in workload.candidates}
    weights = served[workload.candidates[0]].get("weights")
    energy = energy_figures(trial, workload, requests)
    return {
        "objective": {"name": _name(workload), **asdict(objective)},
        "phases": {
            phase: asdict(found)
            for phase, found in inference_impact(requests, trial.phases, objective).items()
        },
        "servers": served,
        "weights": None if weights is None else _weights(weights, trial),
        "energy": None if energy is None else asdict(energy),
    }


def inference_impact(
    requests: Sequence[Request], phases: Sequence[Phase], objective: Objective
) -> dict[str, ServiceFigures]:
    """Each phase's requests, by when they were due."""
    return {
        phase.name: service_figures(
            [request for request in requests if phase.holds(request.due_ns)],
            objective,
            phase.until_ns - phase.from_ns,
        )
        for phase in phases
    }


def _name(workload: InferenceWorkload) -> str | None:
    own = workload.ttft_limit_ms is not None or workload.tpot_limit_ms is not None
    return None if own else workload.objective


def _by_name(request: Request, hosts: dict[str, str]) -> Request:
    if request.server is None:
        return request
    return replace(request, server=hosts[request.server.partition(":")[0]])


def _counts(trial: Measured, workload: InferenceWorkload, host: str) -> dict[str, Any]:
    path = trial.folder(workload) / f"server-{host}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _weights(fetch: dict[str, Any], trial: Measured) -> dict[str, Any]:
    """How long the weights took; nothing of a time that has not come is a number."""
    begin_ns, end_ns = fetch["begin_ns"], fetch["end_ns"]
    took_s = None if end_ns is None else (end_ns - begin_ns) / NS_PER_S
    return {
        "bytes": fetch["bytes"],
        "received_bytes": fetch["received_bytes"],
        "there_at_s": None if end_ns is None else trial.seconds(end_ns - trial.clock_start_ns),
        "took_s": took_s,
        "goodput_mbps": fetch["bytes"] * 8 / 1e6 / took_s if took_s else None,
        "breaks": fetch["breaks"],
    }


def rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    """The figures of all policies as rows of the table."""
    shown = example(workload)
    phases, limits = list(shown["phases"]), shown["objective"]
    for key, label in (("ttft", "first token"), ("tpot", "each further token")):
        for phase in phases:
            title = f"{label} p50 / p99, {phase}, ms"
            yield row(title, workload, _times(phase, key), emphasis=phase == "during")
    told = f"within {limits['ttft_ms']:g} + {limits['tpot_ms']:g} ms"
    which = " / ".join(phases)
    yield row(f"{told}, {which}, %", workload, _in_each("met_share", 100), emphasis=True)
    yield row(f"goodput, {which}, requests/s", workload, _in_each("goodput_rps"))
    yield row("requests failed or unfinished", workload, _lost)
    if any(w is not None and len(w["servers"]) > 1 for w in workload):
        yield row("answered by another server", workload, _elsewhere)
    if shown["weights"] is not None:
        yield row("weights there after, s", workload, _weights_took)
    if shown["energy"] is not None:
        for key, label in (
            ("usd_per_million_tokens", "electricity of a million tokens, US dollars"),
            ("co2_g_per_million_tokens", "its carbon, g CO2"),
        ):
            yield row(label, workload, _energy(key))


def _times(phase: str, key: str) -> Callable[[Figures], str]:
    def value(w: Figures) -> str:
        found = w["phases"][phase]
        return " / ".join(_late(found, f"{key}_{which}_ms") for which in ("p50", "p99"))

    return value


def _late(found: Figures, key: str) -> str:
    """A percentile; `never` where it falls on a request that got no answer."""
    never = found[key] is None and found["answered"] < found["sent"]
    return "never" if never else number(found[key])


def _in_each(key: str, times: float = 1.0) -> Callable[[Figures], str]:
    def value(w: Figures) -> str:
        found = [phase[key] for phase in w["phases"].values()]
        return " / ".join(MISSING if one is None else number(one * times) for one in found)

    return value


def _lost(w: Figures) -> str:
    phases = w["phases"].values()
    lost = sum(phase["failed"] + phase["unfinished"] for phase in phases)
    return f"{lost:,} of {sum(phase['sent'] for phase in phases):,}"


def _elsewhere(w: Figures) -> str:
    return f"{sum(phase['failed_over'] for phase in w['phases'].values()):,}"


def _energy(key: str) -> Callable[[Figures], str]:
    return lambda w: number(w["energy"][key], 3)


def _weights_took(w: Figures) -> str:
    return "never" if w["weights"]["took_s"] is None else number(w["weights"]["took_s"], 3)
