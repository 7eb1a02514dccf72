"""Synchronous data parallelism: every step ends with an all-reduce of its gradients.

The gradients lie in buckets; a bucket is reduced while the backward pass computes the next
ones, one bucket after the other, as NCCL does on one communicator.
"""

from __future__ import annotations

from argparse import Namespace

from traffic.clock import now_ns
from traffic.collectives.engine import Engine
from traffic.collectives.operation import Operation
from traffic.loops.step import LAST, Steps, partners_of, reductions
from traffic.loops.timeline import bucket_ready_ns


class DataParallel:
    """One rank's buckets and the steps that it makes with them."""

    def __init__(self, args: Namespace, steps: Steps) -> None:
        self.steps = steps
        self.buckets = reductions(args, steps, args.buckets)
        self.took_ns = 0

    @property
    def partners(self) -> set[int]:
        """Whom this rank has to be connected with."""
        return partners_of(self.buckets)

    def one_step(self, engine: Engine) -> bool:
        """Compute and reduce; True if this was the last step for all. Raises Unfinished."""
        steps, flags, count = self.steps, 0, len(self.buckets)
        for bucket in self.buckets:
            bucket.load(steps.step)
        for number, bucket in enumerate(self.buckets):
            engine.compute(steps.start_ns + bucket_ready_ns(steps.compute_ns, number, count))
            if number:
                flags |= self._settle(engine, self.buckets[number - 1])
            if number == count - 1:
                steps.compute_end_ns = steps.start_ns + steps.compute_ns
                last = steps.is_last(now_ns() + self.took_ns)
            else:
                last = False
            bucket.start(engine, LAST if last else 0)
        flags |= self._settle(engine, self.buckets[-1])
        self.took_ns = engine.done_ns - self.buckets[-1].started_ns
        steps.finished()
        return bool(flags & LAST)

    def _settle(self, engine: Engine, bucket: Operation) -> int:
        engine.finish()
        self.steps.settled(bucket)
        return engine.flags
