"""From a scenario's workloads to the programs that make them, host by host."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from experiments.processes import Program
from experiments.scenario import (
    AllReduceWorkload,
    BulkWorkload,
    Clock,
    InferenceWorkload,
    ProbeWorkload,
    Workload,
)
from experiments.trial_job import Job
from traffic import describe

BYTES_PER_GB = 1e9
MBPS_PER_GBPS = 1000
# Each workload gets a port of its own, so that several can share a host.
_FIRST_PORT = 20_000


@dataclass(frozen=True, slots=True)
class _Slot:
    """What is one workload's own: its place, its port, its seed and its time."""

    job: Job
    folder: Path
    index: int
    start_at_ns: int
    stop_at_ns: int
    drained_at_ns: int

    @property
    def port(self) -> int:
        return _FIRST_PORT + self.index

    @property
    def seed(self) -> int:
        return self.job.seed * 1000 + self.index

    def out(self, name: str) -> str:
        return str(self.folder / name)

    def address(self, host: str) -> str:
        return f"{self.job.plan.host(host).ip}:{self.port}"


def programs(job: Job, start_ns: int, stop_ns: int, drain_ns: int, out: Path) -> list[Program]:
    """All programs of a trial, each workload's receivers and servers first.

    start_ns, stop_ns: CLOCK_MONOTONIC. drain_ns: how much longer receivers stay.
    """
    found: list[Program] = []
    for index, workload in enumerate(job.scenario.workloads):
        folder = out / "samples" / workload.name
        folder.mkdir(parents=True, exist_ok=True)
        slot = _Slot(job, folder, index, start_ns, stop_ns, stop_ns + drain_ns)
        found += [
            Program(
                f"{workload.name}-{name}",
                host,
                tuple(process.argv(sys.executable)),
                serves=process.stop_at_ns is None,
            )
            for name, host, process in _processes(workload, slot)
        ]
    return found


_Named = Iterator[tuple[str, str, describe.Process]]
"""Name within the workload, host, process."""


def _processes(workload: Workload, slot: _Slot) -> _Named:
    match workload:
        case ProbeWorkload():
            return _probe(workload, slot)
        case AllReduceWorkload():
            return _allreduce(workload, slot)
        case InferenceWorkload():
            return _inference(workload, slot)
        case BulkWorkload():
            return _bulk(workload, slot)


def _probe(workload: ProbeWorkload, slot: _Slot) -> _Named:
    yield (
        "receive",
        workload.to_host,
        describe.ProbeReceiver(
            out=slot.out("received.i64x3"),
            stop_at_ns=slot.drained_at_ns,
            port=slot.port,
            flow=slot.index,
        ),
    )
    yield (
        "send",
        workload.from_host,
        describe.ProbeSender(
            out=slot.out("sent.json"),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            to=slot.address(workload.to_host),
            rate_pps=workload.rate_pps,
            payload_bytes=workload.payload_bytes,
            flow=slot.index,
            # In virtual time packets leave when they are due; a real clock has to be read.
            stamp="schedule" if slot.job.scenario.clock is Clock.VIRTUAL else "clock",
        ),
    )


def _allreduce(workload: AllReduceWorkload, slot: _Slot) -> _Named:
    peers = tuple(slot.address(host) for host in workload.hosts)
    for rank, host in enumerate(workload.hosts):
        yield (
            f"rank{rank}",
            host,
            describe.AllReduceRank(
                out=slot.out(f"rank-{rank}.jsonl"),
                start_at_ns=slot.start_at_ns,
                stop_at_ns=slot.stop_at_ns,
                rank=rank,
                peers=peers,
                bytes=round(workload.size_gb * BYTES_PER_GB / slot.job.scenario.scale),
                compute_ms=workload.compute_ms,
                compute_jitter=workload.compute_jitter,
                verify=workload.verify,
                seed=slot.seed,
            ),
        )


def _inference(workload: InferenceWorkload, slot: _Slot) -> _Named:
    yield (
        "server",
        workload.server,
        describe.InferenceServer(
            out=slot.out("server.json"),
            port=slot.port,
            slots=workload.slots,
            prefill_ms=workload.prefill_ms,
            prefill_per_token_ms=workload.prefill_ms_per_token,
            decode_ms=workload.token_ms,
        ),
    )
    for number, user in enumerate(workload.users):
        yield (
            user,
            user,
            describe.InferenceLoad(
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
            ),
        )


def _bulk(workload: BulkWorkload, slot: _Slot) -> _Named:
    yield (
        "server",
        workload.to_host,
        describe.BulkServer(
            out=slot.out("server.json"), stop_at_ns=slot.drained_at_ns, port=slot.port
        ),
    )
    rate = workload.rate_gbps
    yield (
        "client",
        workload.from_host,
        describe.BulkClient(
            out=slot.out("client.json"),
            start_at_ns=slot.start_at_ns,
            stop_at_ns=slot.stop_at_ns,
            to=slot.address(workload.to_host),
            protocol=workload.protocol,
            rate_mbps=None if rate is None else rate * MBPS_PER_GBPS / slot.job.scenario.scale,
        ),
    )
