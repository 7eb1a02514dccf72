"""What all workloads with ranks share: their hosts, their connections, and their sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import Field

from experiments.measurements.catalogue import Log, Table
from experiments.model_presets import models
from experiments.workloads.kind import (
    BYTES_PER_GB,
    Record,
    Slot,
    WorkloadFields,
    without_schedule,
)
from topologies.plan import NetworkPlan
from topologies.problems import Problem, unknown
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.schedule import ELEMENT_BYTES, Shape

PACKET_BYTES = 1448
"""What a full packet carries: a volume that scaling makes smaller than it says nothing."""
PIECE_BYTES = 16_384


class RankFields(WorkloadFields):
    """Ranks that exchange real bytes over TCP, one on each host."""

    refused = without_schedule(
        "ranks send what the operation needs, when the one before is done, so there is no rate "
        "to ramp; give start_s and stop_s, or a period_s or compute_ms where the kind has one"
    )

    hosts: tuple[str, ...] = Field(min_length=2)
    """In the order of the ranks; neighbours in it are neighbours of a ring."""
    algorithm: str | None = None
    """Of the collective; see docs/reference/collectives.md. Default: its first one."""
    qps_per_connection: int = Field(default=1, ge=1, le=64)
    """TCP connections between two ranks, among which each message is divided."""
    verify: bool = True
    """Move real numbers and check the result."""

    @property
    def ranks(self) -> tuple[str, ...]:
        """The hosts of all ranks."""
        return self.hosts


def rank_options(workload: RankFields, slot: Slot) -> dict[str, Any]:
    """The fields of a program with ranks that follow from these."""
    return {
        "start_at_ns": slot.start_at_ns,
        "stop_at_ns": slot.stop_at_ns,
        "peers": tuple(slot.address(host) for host in workload.ranks),
        "algorithm": workload.algorithm,
        "connections": workload.qps_per_connection,
        "groups": ";".join(",".join(map(str, g)) for g in groups(slot.plan, workload.ranks)),
        "piece_bytes": PIECE_BYTES,
        "verify": workload.verify,
        "seed": slot.seed % 2**32,
    }


def groups(plan: NetworkPlan, hosts: Sequence[str]) -> list[list[int]]:
    """The ranks of each site, in order."""
    found: dict[str, list[int]] = {}
    for rank, host in enumerate(hosts):
        found.setdefault(plan.host(host).site, []).append(rank)
    return list(found.values())


def vector_bytes(plan: NetworkPlan, size_gb: float) -> int:
    """A real volume as it is in the scaled network: whole numbers."""
    return max(1, round(size_gb * BYTES_PER_GB / plan.scale / ELEMENT_BYTES)) * ELEMENT_BYTES


def shape(plan: NetworkPlan, hosts: Sequence[str], size_bytes: int, root: int = 0) -> Shape:
    """What a collective's schedule is made for."""
    return Shape(
        len(hosts), size_bytes // ELEMENT_BYTES,
        piece_elements=PIECE_BYTES // ELEMENT_BYTES, groups=groups(plan, hosts), root=root,
    )  # fmt: skip


def algorithm_of(workload: RankFields, collective: str = "all-reduce") -> str:
    """The algorithm's name."""
    return workload.algorithm or next(iter(COLLECTIVES[collective].algorithms))


def logs_of(table: Table[Any]) -> Callable[[RankFields], Iterator[Log]]:
    """The ranks' logs, in order."""

    def logs(workload: RankFields) -> Iterator[Log]:
        for rank in range(len(workload.ranks)):
            yield Log(rank_log(rank), table)

    return logs


def rank_log(rank: int) -> str:
    """The name of a rank's log."""
    return f"rank-{rank}.jsonl"


def algorithm_problems(record: Record, collective: str = "all-reduce") -> Iterator[Problem]:
    """An algorithm that the collective does not have."""
    name, known = record.fields.get("algorithm"), COLLECTIVES[collective].algorithms
    if isinstance(name, str) and name not in known:
        yield record.problem(unknown(f"algorithm of {collective}", name, known), "algorithm")


def size_problems(record: Record, size_gb: object, pieces: int, *field: str | int
                  ) -> Iterator[Problem]:  # fmt: skip
    """A volume of which scaling leaves less than a packet, or a rank without a number.

    pieces: into how many collectives it is divided.
    """
    scale = record.scenario.get("scale", 10_000)
    hosts = record.fields.get("hosts")
    numbers = isinstance(size_gb, int | float) and isinstance(scale, int | float)
    if not numbers or isinstance(size_gb, bool) or isinstance(scale, bool) or scale < 1:
        return
    assert isinstance(size_gb, int | float)
    left = size_gb * BYTES_PER_GB / scale / pieces
    ranks = len(hosts) if isinstance(hosts, list) else 2
    needed = max(PACKET_BYTES, ELEMENT_BYTES * ranks)
    if 0 < left < needed:
        of = f", in {pieces} parts," if pieces > 1 else ""
        yield record.problem(
            f"{size_gb:g} GB{of} is {left:,.0f} bytes at scale {scale:g}, less than a packet "
            f"({needed:,} bytes); give at least {needed * scale * pieces / BYTES_PER_GB:g}, "
            "or a smaller scale",
            *field,
        )


def model_problems(record: Record) -> Iterator[Problem]:
    """A model that is not known."""
    name = record.fields.get("model")
    if isinstance(name, str) and name not in models():
        yield record.problem(unknown("model", name, models()), "model")
