"""Inference: open-loop requests and answers streamed by token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from experiments.measurements.catalogue import REQUESTS, Log
from experiments.rows import Figures, Row
from experiments.workloads.kind import (
    Chart,
    HostProcess,
    Kind,
    Measured,
    Point,
    Preparation,
    Record,
    ShapedFields,
    Slot,
)
from topologies.problems import Problem
from topologies.spec import Strict
from traffic.clock import NS_PER_MS
from traffic.describe import InferenceLoad, InferenceServer, ToolServer, WeightStore

# Tool servers and stores have ports of their own, since they may share a host with a server.
_TOOL_PORT, _STORE_PORT = 0, 1
# What is not answered so long after the end is unfinished.
_LONGEST_DRAIN_S = 30.0


class Agents(Strict):
    """Some requests are agents': between two answers of the model they call a tool server."""

    share: float = Field(default=1.0, gt=0, le=1)
    """Of the requests; the others are plain ones."""
    tools: tuple[str, ...] = Field(min_length=1)
    """The hosts of the tool servers; each call goes to one of them, drawn at random."""
    fewest_calls: int = Field(default=1, ge=1, le=256)
    most_calls: int = Field(default=3, ge=1, le=256)
    tool_ms: float = Field(default=50.0, ge=0)
    """A tool's computing for one call."""
    slots: int = Field(default=64, ge=1, le=100_000)
    """Calls that a tool server answers at the same time."""
    call_tokens: int = Field(default=50, ge=1, le=1_000_000)
    """The answer in which the model asks for a tool."""
    result_tokens: int = Field(default=500, ge=1, le=1_000_000)
    """What a tool's answer adds to the next prompt."""
    request_bytes: int = Field(default=1024, ge=0, le=1 << 24)
    answer_bytes: int = Field(default=4096, ge=24, le=1 << 24)


class Weights(Strict):
    """The first server fetches its model's weights, and refuses requests until it has them."""

    from_host: str = Field(alias="from")
    size_gb: float = Field(gt=0)
    """Before scaling (10^9 bytes)."""
    at_s: float = Field(default=0.0, ge=0)
    connections: int = Field(default=4, ge=1, le=1024)


class InferenceWorkload(ShapedFields):
    """Open-loop requests and answers streamed by token; see docs/reference/inference.md."""

    kind: Literal["inference"]
    users: tuple[str, ...] = Field(min_length=1)
    server: str | None = None
    servers: tuple[str, ...] = ()
    """Instead of one server: several, the next of which is asked when one fails."""
    placement: Literal["listed", "nearest", "edge", "campus", "cloud"] = "listed"
    """In which order: as listed; the nearest first, by the fibre's delay; or those of one kind of
    site first, each group by its delay."""
    rate_rps: float | None = Field(default=None, gt=0, le=10_000)
    """Requests per second of each user host."""
    arrival_cv: float = Field(default=1.0, ge=0, le=20)
    """Coefficient of variation of the times between requests (Gamma); 1 is exponential."""
    trace: str | None = None
    """Instead of a rate: a file of requests in the form of Azure's or BurstGPT's traces, replayed;
    the users take turns. Relative to the scenario's folder."""
    speed_up: float = Field(default=1.0, gt=0, le=1e6)
    """How much faster than it happened the trace is replayed."""
    skip_s: float = Field(default=0.0, ge=0, le=1e9)
    """What is left out at the beginning of the trace, in the trace's own time."""
    prompt_tokens: int = Field(default=1000, ge=1, le=1_000_000)
    """The median."""
    prompt_sigma: float = Field(default=0.0, ge=0, le=10)
    """Of a lognormal distribution; 0: every prompt has the median."""
    prompt_max_tokens: int = Field(default=1_000_000, ge=1, le=1_000_000)
    answer_tokens: int = Field(default=60, ge=1, le=100_000)
    answer_sigma: float = Field(default=0.0, ge=0, le=10)
    answer_max_tokens: int = Field(default=1_000_000, ge=1, le=1_000_000)
    lengths: str | None = None
    """Instead of both: a trace whose requests' lengths are drawn at random, in pairs."""
    agents: Agents | None = None
    prefill_ms: float = Field(default=20.0, ge=0.001)
    """Computing before the first token, plus prefill_ms_per_token for each of the prompt's."""
    prefill_ms_per_token: float = Field(default=0.05, ge=0)
    prefill: Literal["separate", "first", "chunked"] = "separate"
    """On machines of its own; between two steps of decoding; or in chunks along with them."""
    chunk_tokens: int = Field(default=512, ge=1, le=1_000_000)
    token_ms: float = Field(default=20.0, ge=0.001)
    """A step of decoding: one token for each request in the batch."""
    token_ms_per_request: float = Field(default=0.0, ge=0)
    """What each further request in the batch adds to a step."""
    slots: int = Field(default=64, ge=1, le=100_000)
    """Requests in the batch; more wait."""
    kv_tokens: int | None = Field(default=None, ge=1, lt=2**31)
    """Tokens of prompts and answers that fit into the batch's memory together."""
    queue: int | None = Field(default=None, ge=0)
    """How many may wait; more are refused."""
    weights: Weights | None = None
    timeout_s: float = Field(default=10.0, gt=0)
    failover_ms: float = Field(default=1000.0, gt=0)
    """Without a token for so long, the next server is asked."""
    dscp: int = Field(default=0, ge=0, le=63)
    """Of requests, answers and tool calls, both ways; weights are best effort."""
    joules_per_token: float | None = Field(default=None, gt=0, le=1e6)
    """What an answer's token costs in electricity, to tell its price and its carbon."""
    objective: str = "llama2-70b"
    """MLPerf's limits for a model; see docs/reference/inference.md for the names."""
    ttft_limit_ms: float | None = Field(default=None, gt=0)
    """Instead of the objective's."""
    tpot_limit_ms: float | None = Field(default=None, gt=0)

    @property
    def candidates(self) -> tuple[str, ...]:
        """All servers, as they are listed."""
        return self.servers if self.server is None else (self.server,)


def _problems(record: Record) -> Iterator[Problem]:
    from experiments.inference_checks import problems  # noqa: PLC0415 - not in the trial

    return problems(record)


def _prepare(workload: InferenceWorkload, given: Preparation) -> None:
    from experiments.inference_preparation import prepare  # noqa: PLC0415 - not in the trial

    prepare(workload, given)


def _processes(workload: InferenceWorkload, slot: Slot) -> Iterator[HostProcess]:
    yield from _servers(workload, slot)
    orders = json.loads((slot.prepared / "placement.json").read_text(encoding="utf-8"))
    agents = workload.agents
    calls: dict[str, Any] = {}
    if agents is not None:
        yield from _tools(agents, slot, workload.dscp)
        calls = {
            "tools": tuple(slot.address(host, slot.more_port(_TOOL_PORT)) for host in agents.tools),
            "tool_call_tokens": agents.call_tokens,
            "tool_result_tokens": agents.result_tokens,
            "tool_request_bytes": agents.request_bytes,
        }
    for user in workload.users:
        load = InferenceLoad(
            out=slot.out(_log(user)),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            servers=tuple(slot.address(host) for host in orders[user]),
            requests=str(slot.prepared / f"{user}.csv"),
            timeout_s=workload.timeout_s,
            failover_ms=workload.failover_ms,
            drain_s=min(workload.timeout_s, _LONGEST_DRAIN_S),
            dscp=workload.dscp,
            **calls,
        )
        yield HostProcess(user, user, load)


def _tools(agents: Agents, slot: Slot, dscp: int) -> Iterator[HostProcess]:
    for host in agents.tools:
        tool = ToolServer(
            out=slot.out(f"tool-{host}.json"),
            port=slot.more_port(_TOOL_PORT),
            slots=agents.slots,
            tool_ms=agents.tool_ms,
            answer_bytes=agents.answer_bytes,
            dscp=dscp,
        )
        yield HostProcess(f"tool-{host}", host, tool)


def _servers(workload: InferenceWorkload, slot: Slot) -> Iterator[HostProcess]:
    weights = workload.weights
    if weights is not None:
        store = WeightStore(out=slot.out("store.json"), port=slot.more_port(_STORE_PORT))
        yield HostProcess("store", weights.from_host, store)
    for number, host in enumerate(workload.candidates):
        fetched: dict[str, Any] = {}
        if weights is not None and number == 0:
            fetched = {
                "start_at_ns": slot.start_at_ns,
                "weights_from": slot.address(weights.from_host, slot.more_port(_STORE_PORT)),
                "weights_bytes": slot.scaled_bytes(weights.size_gb),
                "weights_after_s": weights.at_s,
                "connections": weights.connections,
            }
        server = InferenceServer(
            out=slot.out(f"server-{host}.json"),
            port=slot.port,
            slots=workload.slots,
            prefill_ms=workload.prefill_ms,
            prefill_per_token_ms=workload.prefill_ms_per_token,
            prefill=workload.prefill,
            chunk_tokens=workload.chunk_tokens,
            decode_ms=workload.token_ms,
            decode_per_request_ms=workload.token_ms_per_request,
            kv_tokens=workload.kv_tokens,
            queue=workload.queue,
            dscp=workload.dscp,
            **fetched,
        )
        yield HostProcess(f"server-{host}", host, server)


def _log(user: str) -> str:
    return f"{user}.jsonl"


def _logs(workload: InferenceWorkload) -> Iterator[Log]:
    for user in workload.users:
        yield Log(_log(user), REQUESTS, {"user": user})


def _figures(trial: Measured, workload: InferenceWorkload) -> Figures:
    from experiments.inference_evaluation import figures  # noqa: PLC0415 - not in the trial

    return figures(trial, workload)


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    from experiments.inference_evaluation import rows  # noqa: PLC0415 - not in the trial

    return rows(workload)


def _points(trial: Measured, workload: InferenceWorkload) -> Iterator[Point]:
    """Each answered request: when it was sent and its time to first token."""
    from experiments.inference_evaluation import logged  # noqa: PLC0415 - not in the trial

    for request in logged(trial, workload):
        if request.status == "ok" and request.ttft_ns is not None:
            yield {
                "t_s": round(trial.seconds(request.due_ns), 6),
                "ttft_ms": round(request.ttft_ns / NS_PER_MS, 3),
            }


def _distribution(trial: Measured, workload: InferenceWorkload) -> Iterator[Point]:
    """Of each phase the times to first token by rank; failed requests are never answered."""
    from experiments.inference_evaluation import logged  # noqa: PLC0415 - not in the trial

    requests = logged(trial, workload)
    for phase in trial.phases:
        due = [request for request in requests if phase.holds(request.due_ns)]
        times_ms = sorted(
            request.ttft_ns / NS_PER_MS
            for request in due
            if request.status == "ok" and request.ttft_ns is not None
        )
        for rank, ttft_ms in enumerate(times_ms, start=1):
            yield {
                "phase": phase.name,
                "ttft_ms": round(ttft_ms, 3),
                "share": round(rank / len(due), 6),
            }


KIND = Kind(
    fields=InferenceWorkload,
    group="inference",
    hosts=("users", "server", "servers"),
    problems=_problems,
    prepare=_prepare,
    logs=_logs,
    processes=_processes,
    figures=_figures,
    rows=_rows,
    charts=(
        Chart(
            "Requests: time to first token",
            "Each answered request, by when it was sent.",
            _points,
            y="ttft_ms",
            y_title="first token, ms",
            logarithmic=True,
        ),
        Chart(
            "Requests: time to first token, by phase",
            "How many of all requests of a phase had their first token within a time. A line that "
            "ends below 1 tells of requests that were never answered.",
            _distribution,
            y="ttft_ms",
            y_title="first token within, ms",
            logarithmic=True,
            form="distribution",
        ),
    ),
)
