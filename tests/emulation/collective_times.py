"""Measure a collective on a star, and what the model says of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.emulation.stars import run_all
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.model import schedule_s, wire_bytes
from traffic.collectives.schedule import ELEMENT_BYTES, Shape
from traffic.describe import CollectiveRank
from traffic.logs import CollectiveRun, read_collectives


@dataclass(frozen=True)
class Case:
    """One collective on hosts that send at `rate_mbps` and are `delay_ms` from each other."""

    collective: str
    algorithm: str
    ranks: int
    size: int
    rate_mbps: float = 100.0
    delay_ms: float = 5.0
    groups: tuple[tuple[int, ...], ...] = ()
    connections: int = 1
    piece_bytes: int = 16_384

    @property
    def bound_s(self) -> float:
        """The model's time; all headers count."""
        shape = Shape(
            self.ranks, self.size // ELEMENT_BYTES, groups=self.groups,
            piece_elements=self.piece_bytes // ELEMENT_BYTES,
        )  # fmt: skip
        algorithm = COLLECTIVES[self.collective].algorithms[self.algorithm]
        return schedule_s(
            [algorithm(shape, rank) for rank in range(self.ranks)],
            lambda _a, _b, size: wire_bytes(size, self.connections) * 8 / self.rate_mbps / 1e6,
            lambda _a, _b, _size: self.delay_ms / 1000,
        )


def measure(
    case: Case, hosts: Sequence[str], out: Path, iterations: int, warm_up: int, verify: bool = True
) -> list[list[CollectiveRun]]:
    """Carry it out among the first hosts of a star; each rank's log."""
    names = hosts[: case.ranks]
    peers = tuple(f"10.0.{number}.2:7000" for number in range(case.ranks))
    groups = ";".join(",".join(map(str, group)) for group in case.groups)
    run_all(
        [
            (
                host,
                CollectiveRank(
                    out=str(out / f"{host}.jsonl"), rank=rank, peers=peers, verify=verify,
                    bytes=(str(case.size),), collective=case.collective,
                    algorithm=case.algorithm, iterations=iterations, warm_up=warm_up,
                    one_clock=True, connections=case.connections, groups=groups or None,
                    piece_bytes=case.piece_bytes,
                ),
            )
            for rank, host in enumerate(names)
        ]
    )  # fmt: skip
    return [read_collectives(out / f"{host}.jsonl") for host in names]


def mean_s(logs: Sequence[Sequence[CollectiveRun]]) -> float:
    """The mean over the operations that count, from the first rank's start to the last's end."""
    times_ns = [
        max(run.end_ns or 0 for run in runs) - min(run.start_ns or 0 for run in runs)
        for runs in zip(*logs, strict=True)
        if not runs[0].warm_up
    ]
    return statistics.mean(times_ns) / 1e9
