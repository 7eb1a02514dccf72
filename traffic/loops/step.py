"""What all training loops share: the engine, the compute time with its jitter, the log."""

from __future__ import annotations

import random
from argparse import Namespace
from collections.abc import Iterable

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns
from traffic.collectives.arguments import MAX_RANKS, shape_of
from traffic.collectives.catalogue import COLLECTIVES, peers_of
from traffic.collectives.engine import Engine
from traffic.collectives.operation import Operation
from traffic.collectives.schedule import ELEMENT_BYTES, parts
from traffic.output import JsonLines
from traffic.vector import Numbers

LAST = 1
"""The flag with which rank 0 says that a step, or a synchronisation, is the last one."""


class Steps:
    """One rank's steps: the figures of the present one, and the log of those before."""

    def __init__(self, args: Namespace, log: JsonLines, stop_ns: int | None) -> None:
        self.args, self.log, self.stop_ns = args, log, stop_ns
        self.rank, self.ranks = args.rank, len(args.peers)
        self.numbers = Numbers(args.seed, self.ranks) if args.verify else None
        self.random = random.Random(args.seed * MAX_RANKS + args.rank)
        self.engine: Engine | None = None
        self.step = -1
        self.begin(now_ns())

    def begin(self, start_ns: int) -> None:
        """The next step begins."""
        self.step += 1
        self.start_ns = start_ns
        self.compute_end_ns: int | None = None
        spread: float = self.args.compute_jitter * self.random.uniform(-1, 1)
        self.compute_ns = round(self.args.compute_ms * (1 + spread) * NS_PER_MS)
        self.bytes = self.busy_ns = 0
        self.wrong: int | None = 0 if self.numbers else None
        engine = self.engine
        self.moved_before = (engine.sent_bytes, engine.received_bytes) if engine else (0, 0)

    def is_last(self, due_ns: int) -> bool:
        """Rank 0's decision on whether the step that will be done then is the last one."""
        if self.rank:
            return False
        if self.args.steps is not None and self.step + 1 >= self.args.steps:
            return True
        return self.stop_ns is not None and due_ns >= self.stop_ns

    def settled(self, operation: Operation) -> None:
        """A collective of this step is complete."""
        assert self.engine is not None
        self.bytes += len(operation.buffer)
        self.busy_ns += self.engine.done_ns - operation.started_ns
        if self.wrong is not None:
            self.wrong += operation.wrong() or 0

    def finished(self) -> None:
        """Log the step; the next one begins."""
        end_ns = now_ns()
        busy_s = self.busy_ns / NS_PER_S
        algbw_mbps = self.bytes * 8 / busy_s / 1e6 if busy_s else None
        factor = COLLECTIVES["all-reduce"].bus_factor(self.ranks)
        figures = {
            "end_ns": end_ns,
            "exposed_ns": end_ns - self.start_ns - self.compute_ns,
            "algbw_mbps": algbw_mbps and round(algbw_mbps, 6),
            "busbw_mbps": algbw_mbps and round(algbw_mbps * factor, 6),
            "wrong": self.wrong,
        }
        self.log.write(self.record("ok", None) | figures)
        self.begin(end_ns)

    def record(self, status: str, reason: str | None) -> dict[str, object]:
        """The step's line in the log; what is not known is null."""
        sent, received = self.moved_before
        engine = self.engine
        return {
            "rank": self.rank,
            "ranks": self.ranks,
            "step": self.step,
            "status": status,
            "reason": reason,
            "start_ns": self.start_ns,
            "compute_ns": self.compute_ns,
            "compute_end_ns": self.compute_end_ns,
            "end_ns": None,
            "exposed_ns": None,
            "bytes": self.bytes,
            "sent_bytes": engine.sent_bytes - sent if engine else 0,
            "received_bytes": engine.received_bytes - received if engine else 0,
            "algbw_mbps": None,
            "busbw_mbps": None,
            "wrong": None,
        }


def reductions(args: Namespace, steps: Steps, count: int) -> list[Operation]:
    """All-reduces of so many parts of the gradients."""
    sizes = [end - at for at, end in parts((0, args.bytes // ELEMENT_BYTES), count)]
    return [
        Operation(
            "all-reduce",
            args.algorithm,
            shape_of(args, size * ELEMENT_BYTES),
            args.rank,
            steps.numbers,
        )
        for size in sizes
    ]


def partners_of(operations: Iterable[Operation]) -> set[int]:
    """Whom a rank has to be connected with for them."""
    return set().union(*(peers_of(operation.rounds) for operation in operations))
