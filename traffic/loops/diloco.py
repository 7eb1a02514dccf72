"""DiLoCo and its streaming form: many inner steps, then an all-reduce of outer gradients.

Streaming DiLoCo sends the model in fragments, each in its own inner step, and needs the
result of a fragment some steps later only, so that it goes on beside the computing. DiLoCo
is that with a single fragment that is needed at once.
"""

from __future__ import annotations

from argparse import Namespace

from traffic.clock import NS_PER_MS, now_ns
from traffic.collectives.engine import Engine
from traffic.collectives.operation import Operation
from traffic.loops.step import LAST, Steps, partners_of, reductions
from traffic.loops.timeline import fragment_begun


class DiLoCo:
    """One rank's fragments and its steps. overlap_steps: after how many a result is needed."""

    def __init__(self, args: Namespace, steps: Steps) -> None:
        self.steps = steps
        self.inner_steps, self.overlap_steps = args.inner_steps, args.overlap_steps
        self.fragments = reductions(args, steps, args.fragments)
        # Until the next turn of any fragment; rank 0 has to think so far ahead.
        self.turn_ns = round(args.compute_ms * NS_PER_MS * args.inner_steps / args.fragments)
        self.under_way: Operation | None = None
        self.needed_after = 0
        self.took_ns = 0

    @property
    def partners(self) -> set[int]:
        """Whom this rank has to be connected with."""
        return partners_of(self.fragments)

    def one_step(self, engine: Engine) -> bool:
        """Compute, and send or wait as the step demands; True if this was the last one."""
        steps, last = self.steps, False
        engine.compute(steps.start_ns + steps.compute_ns)
        steps.compute_end_ns = steps.start_ns + steps.compute_ns
        fragment = fragment_begun(steps.step, self.inner_steps, len(self.fragments))
        if self.under_way and (fragment is not None or steps.step >= self.needed_after):
            last = self._settle(engine)
        if fragment is not None and not last:
            self._begin(engine, self.fragments[fragment])
            if not self.overlap_steps:
                last = self._settle(engine)
        steps.finished()
        return last

    def _begin(self, engine: Engine, fragment: Operation) -> None:
        steps = self.steps
        fragment.load(steps.step)
        self.under_way, self.needed_after = fragment, steps.step + self.overlap_steps
        last = steps.is_last(now_ns() + self.took_ns + self.turn_ns)
        fragment.start(engine, LAST if last else 0)

    def _settle(self, engine: Engine) -> bool:
        assert self.under_way is not None
        engine.finish()
        self.steps.settled(self.under_way)
        self.took_ns = engine.done_ns - self.under_way.started_ns
        self.under_way = None
        return bool(engine.flags & LAST)
