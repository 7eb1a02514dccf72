"""Inference: open-loop requests and answers streamed by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from pydantic import Field

from experiments.rows import Figures, Row, example, phase_pair, row
from experiments.workloads.kind import (
    Chart,
    HostProcess,
    Kind,
    Measured,
    Point,
    Slot,
    WorkloadFields,
)
from traffic.clock import NS_PER_MS
from traffic.describe import InferenceLoad, InferenceServer
from traffic.logs import Request, read_requests


class InferenceWorkload(WorkloadFields):
    """Open-loop requests with exponential arrivals and answers streamed by token."""

    kind: Literal["inference"]
    users: tuple[str, ...] = Field(min_length=1)
    server: str
    rate_rps: float = Field(gt=0, le=10_000)
    """Requests per second of each user host."""
    prompt_tokens: int = Field(default=1000, ge=1, le=1_000_000)
    answer_tokens: int = Field(default=60, ge=1, le=100_000)
    prefill_ms: float = Field(default=20.0, ge=0.001)
    """Computing before the first token, plus prefill_ms_per_token for each of the prompt's."""
    prefill_ms_per_token: float = Field(default=0.05, ge=0.001)
    token_ms: float = Field(default=20.0, ge=0.001)
    slots: int = Field(default=64, ge=1)
    """Requests that the server answers at the same time; more wait."""
    timeout_s: float = Field(default=10.0, gt=0)


def _processes(workload: InferenceWorkload, slot: Slot) -> Iterator[HostProcess]:
    server = InferenceServer(
        out=slot.out("server.json"),
        port=slot.port,
        slots=workload.slots,
        prefill_ms=workload.prefill_ms,
        prefill_per_token_ms=workload.prefill_ms_per_token,
        decode_ms=workload.token_ms,
    )
    yield HostProcess("server", workload.server, server)
    for number, user in enumerate(workload.users):
        load = InferenceLoad(
            out=slot.out(f"{user}.jsonl"),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            server=slot.address(workload.server),
            rate_rps=workload.rate_rps,
            prompt_tokens=str(workload.prompt_tokens),
            answer_tokens=str(workload.answer_tokens),
            timeout_s=workload.timeout_s,
            drain_s=workload.timeout_s,
            seed=slot.seed + 100_000 * number,
        )
        yield HostProcess(user, user, load)


def _log(trial: Measured, workload: InferenceWorkload) -> list[Request]:
    """The requests of all users."""
    files = [trial.folder(workload) / f"{user}.jsonl" for user in workload.users]
    return [request for file in files for request in read_requests(file)]


def _figures(trial: Measured, workload: InferenceWorkload) -> Figures:
    from experiments.impact import inference_impact  # noqa: PLC0415 - no NumPy in the trial

    impact = inference_impact(_log(trial, workload), trial.phases)
    return {phase: asdict(requests) for phase, requests in impact.items()}


def _rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    for phase in example(workload):
        yield phase_pair("first token", workload, phase, "ttft", ("p50", "p99"))
    yield row("requests failed", workload, _failed)


def _failed(figures: Figures) -> str:
    failed = sum(phase["failed"] for phase in figures.values())
    return f"{failed:,} of {sum(phase['sent'] for phase in figures.values()):,}"


def _points(trial: Measured, workload: InferenceWorkload) -> Iterator[Point]:
    """Each answered request: when it was sent and its time to first token."""
    for request in _log(trial, workload):
        if request.status == "ok" and request.ttft_ns is not None:
            yield {
                "t_s": round(trial.seconds(request.due_ns), 6),
                "ttft_ms": round(request.ttft_ns / NS_PER_MS, 3),
            }


KIND = Kind(
    fields=InferenceWorkload,
    group="inference",
    hosts=("users", "server"),
    processes=_processes,
    figures=_figures,
    rows=_rows,
    charts=(
        Chart(
            "Inference",
            "Time to first token of each request, by when it was sent.",
            _points,
            y="ttft_ms",
            y_title="first token, ms",
            logarithmic=True,
        ),
    ),
)
