"""What an inference workload needs before its trial: its requests, and who is asked for them."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from experiments.inference_energy import prepare_energy
from experiments.run_folder import write_json
from experiments.workloads.inference import InferenceWorkload
from experiments.workloads.kind import Preparation
from topologies.delays import delay_graph
from topologies.spec import Site, Topology, host_names
from traffic.clock import NS_PER_S
from traffic.request_plan import (
    Agents,
    Draw,
    PlannedRequest,
    drawn,
    drawn_lengths,
    replayed,
    traced_lengths,
    write_plan,
)
from traffic.request_trace import RequestTrace, read_trace
from traffic.tokens import TokenCount

# Seeds of one workload's users lie this far apart.
_NEXT_USER = 100_000


def prepare(workload: InferenceWorkload, given: Preparation) -> None:
    """Write each user's list of requests, and the order in which each asks the servers.

    Raises OSError or BadFile for a trace that is gone or changed since it was checked.
    """
    orders = {user: servers_of(workload, user, given.topology) for user in workload.users}
    write_json(given.folder / "placement.json", orders)
    prepare_energy(workload, given)
    trace = _trace(workload.trace, given)
    lengths = _trace(workload.lengths, given)
    window_s = (workload.stop_s or given.duration_s) - workload.start_s
    for number, user in enumerate(workload.users):
        seed = given.seed + _NEXT_USER * number
        requests = _scheduled(
            _requests(workload, number, trace, lengths, seed, window_s), workload, window_s
        )
        write_plan(str(given.folder / f"{user}.csv"), requests)


def _scheduled(
    requests: Iterator[PlannedRequest], workload: InferenceWorkload, window_s: float
) -> Iterator[PlannedRequest]:
    """The requests by the workload's schedule: none while it rests, fewer in its ramp."""
    schedule = workload.schedule(-workload.begins_ns(0))  # times are after its own start
    for request in requests:
        due_ns = schedule.at(request.due_ns)
        if due_ns >= round(window_s * NS_PER_S):
            return
        yield PlannedRequest(due_ns, request.prompt_tokens, request.answer_tokens, request.tools)


def _trace(name: str | None, given: Preparation) -> RequestTrace | None:
    return None if name is None else read_trace(str(given.base / name))


def _requests(
    workload: InferenceWorkload,
    number: int,
    trace: RequestTrace | None,
    lengths: RequestTrace | None,
    seed: int,
    duration_s: float,
) -> Iterator[PlannedRequest]:
    until_ns = round(duration_s * NS_PER_S)
    agents = _agents(workload, seed)
    if trace is not None:
        share = (number, len(workload.users))
        options = {"speed_up": workload.speed_up, "skip_s": workload.skip_s}
        return replayed(trace, agents, until_ns, share=share, **options)
    assert workload.rate_rps is not None  # checked: a rate or a trace
    draw = traced_lengths(lengths, seed) if lengths is not None else _drawn(workload, seed)
    return drawn(workload.rate_rps, workload.arrival_cv, draw, agents, seed, until_ns)


def _drawn(workload: InferenceWorkload, seed: int) -> Draw:
    prompt = TokenCount(workload.prompt_tokens, workload.prompt_sigma, workload.prompt_max_tokens)
    answer = TokenCount(workload.answer_tokens, workload.answer_sigma, workload.answer_max_tokens)
    return drawn_lengths(prompt, answer, seed)


def _agents(workload: InferenceWorkload, seed: int) -> Agents:
    agents = workload.agents
    if agents is None:
        return Agents(0, (1, 1), 0, seed)
    calls = (agents.fewest_calls, agents.most_calls)
    return Agents(agents.share, calls, len(agents.tools), seed)


def servers_of(workload: InferenceWorkload, user: str, topology: Topology) -> list[str]:
    """The servers in the order in which a user asks them.

    Delays are those of the shortest ways through the fibre, without faults; servers at equal
    delays keep the order in which they are listed.
    """
    if workload.placement == "listed":
        return list(workload.candidates)
    sites = sites_by_host(topology)
    delays_us = nx.single_source_dijkstra_path_length(
        delay_graph(topology), sites[user].id, weight="delay_us"
    )

    def rank(server: str) -> tuple[bool, float]:
        site = sites[server]
        other_kind = workload.placement not in ("nearest", site.kind.value)
        return other_kind, delays_us.get(site.id, float("inf"))

    return sorted(workload.candidates, key=rank)


def sites_by_host(topology: Topology) -> dict[str, Site]:
    """Where each host stands."""
    return {name: site for site in topology.sites for name, _ in host_names(site)}
