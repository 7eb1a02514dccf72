"""What answers cost in electricity: by the power price and the carbon of the servers' sites."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from experiments.run_folder import write_json
from experiments.workloads.inference import InferenceWorkload
from experiments.workloads.kind import Measured, Preparation, Record
from topologies.problems import Problem
from topologies.spec import host_names
from traffic.logs import Request

_JOULES_PER_KWH = 3.6e6
_KWH_PER_MWH = 1000.0
_TOKENS = 1e6
_FILE = "power.json"
_FIELDS = ("power_price_usd_per_mwh", "carbon_g_per_kwh")


@dataclass(frozen=True, slots=True)
class EnergyFigures:
    """Of all answers that came whole.

    energy_kwh: tokens × joules_per_token. The others are of a million tokens of answers, at the
    price and the carbon of the site that answered; None if nobody did.
    """

    tokens: int
    energy_kwh: float
    usd_per_million_tokens: float | None
    co2_g_per_million_tokens: float | None


def energy_problems(record: Record) -> Iterator[Problem]:
    """A server at a site whose price or carbon nobody knows."""
    fields, topology = record.fields, record.topology
    if fields.get("joules_per_token") is None or topology is None:
        return
    sites = {name: site for site in topology.sites for name, _ in host_names(site)}
    several = fields.get("servers")
    for server in several if isinstance(several, list) else [fields.get("server")]:
        site = sites.get(server) if isinstance(server, str) else None
        lacking = [name for name in _FIELDS if site is not None and getattr(site, name) is None]
        if site is not None and lacking:
            message = f"the site {site.id!r} of {server!r} has no {' and no '.join(lacking)}"
            place = "joules_per_token"
            yield record.problem(f"{message}; give it in the topology, or leave this out", place)


def prepare_energy(workload: InferenceWorkload, given: Preparation) -> None:
    """Keep what the servers' sites pay, beside the workload's other prepared files."""
    if workload.joules_per_token is None:
        return
    sites = {name: site for site in given.topology.sites for name, _ in host_names(site)}
    rates = {host: [getattr(sites[host], name) for name in _FIELDS] for host in workload.candidates}
    write_json(given.folder / _FILE, rates)


def energy_figures(
    trial: Measured, workload: InferenceWorkload, requests: Iterable[Request]
) -> EnergyFigures | None:
    """None if the workload does not say what a token costs. Raises OSError or ValueError.

    requests: with the servers' names.
    """
    if workload.joules_per_token is None:
        return None
    rates = json.loads((trial.prepared(workload) / _FILE).read_text(encoding="utf-8"))
    tokens: Counter[str] = Counter()
    for request in requests:
        if request.status == "ok" and request.server is not None:
            tokens[request.server] += request.tokens
    kwh = {host: count * workload.joules_per_token / _JOULES_PER_KWH
           for host, count in tokens.items()}  # fmt: skip
    total = tokens.total()
    usd = sum(kwh[host] * rates[host][0] / _KWH_PER_MWH for host in kwh)
    grams = sum(kwh[host] * rates[host][1] for host in kwh)
    return EnergyFigures(
        tokens=total,
        energy_kwh=sum(kwh.values()),
        usd_per_million_tokens=usd / total * _TOKENS if total else None,
        co2_g_per_million_tokens=grams / total * _TOKENS if total else None,
    )
