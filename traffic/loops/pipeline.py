"""Pipeline parallelism: each rank is a stage, activations go forward and gradients back.

A stage computes in the order 1F1B; it waits when what it needs next has not come. While it
computes, what it has sent is on its way.
"""

from __future__ import annotations

from argparse import Namespace

from traffic.clock import now_ns
from traffic.collectives.engine import Engine, Plan
from traffic.collectives.schedule import ELEMENT_BYTES, Message, Span
from traffic.loops.step import LAST, Steps
from traffic.loops.timeline import FORWARD_SHARE, pipeline_order
from traffic.vector import count_wrong

# The buffer: what came forward and back, and what goes forward and back.
_IN_FORWARD, _IN_BACK, _OUT_FORWARD, _OUT_BACK, _REGIONS = range(5)


class Work:
    """One microbatch's pass, forward or back: what it waits for and what it lets go."""

    __slots__ = ("forward", "gives", "needs")

    def __init__(self, forward: bool, needs: int | None, gives: int | None) -> None:
        self.forward, self.needs, self.gives = forward, needs, gives


class Stage:
    """The messages of a stage in one step, in the order of its work."""

    def __init__(self, stage: int, stages: int, microbatches: int, elements: int) -> None:
        self.stage, self.stages = stage, stages
        self.microbatches, self.elements = microbatches, elements
        self.messages: list[Message] = []
        self.work = [
            self._work(forward, number)
            for forward, number in pipeline_order(stage, stages, microbatches)
        ]

    def span(self, region: int, number: int = 0, count: int = 1) -> Span:
        """Where `count` microbatches lie in a region of the buffer."""
        at = (region * self.microbatches + number) * self.elements
        return at, at + count * self.elements

    def _work(self, forward: bool, number: int) -> Work:
        before, after = self.stage - 1, self.stage + 1
        source, target = (before, after) if forward else (after, before)
        came, goes = (_IN_FORWARD, _OUT_FORWARD) if forward else (_IN_BACK, _OUT_BACK)
        needs = self._message(source, self.span(came, number), sends=False)
        return Work(forward, needs, self._message(target, self.span(goes, number), sends=True))

    def _message(self, peer: int, span: Span, *, sends: bool) -> int | None:
        if not 0 <= peer < self.stages:
            return None
        self.messages.append(Message(peer, span, sends=sends))
        return len(self.messages) - 1


class Pipeline:
    """One stage's steps."""

    def __init__(self, args: Namespace, steps: Steps) -> None:
        self.steps = steps
        elements = args.bytes // ELEMENT_BYTES
        stage = self.stage = Stage(args.rank, len(args.peers), args.microbatches, elements)
        # A round for each message, so that their numbers are those of the tasks.
        self.plan = Plan([[message] for message in stage.messages])
        self.held = [work.gives for work in stage.work if work.gives is not None]
        self.buffer = memoryview(bytearray(stage.span(_REGIONS)[0] * ELEMENT_BYTES))
        self.took_ns = 0

    @property
    def partners(self) -> set[int]:
        """The stages before and after this one."""
        return {message.peer for message in self.stage.messages}

    def one_step(self, engine: Engine) -> bool:
        """All microbatches, forward and back; True if this was the last step."""
        steps = self.steps
        self._load()
        began_ns = now_ns()
        last = steps.is_last(began_ns + self.took_ns)
        engine.start(self.plan, self.buffer, adds=False, flags=LAST if last else 0, held=self.held)
        self._compute(engine)
        steps.compute_end_ns = now_ns()
        engine.finish()
        steps.bytes = sum(m.elements for m in self.stage.messages if m.sends) * ELEMENT_BYTES
        steps.wrong = self._wrong()
        self.took_ns = now_ns() - began_ns
        steps.finished()
        return bool(engine.flags & LAST)

    def _compute(self, engine: Engine) -> None:
        forward_ns = self.steps.compute_ns * FORWARD_SHARE / self.stage.microbatches
        back_ns = self.steps.compute_ns / self.stage.microbatches - forward_ns
        for work in self.stage.work:
            if work.needs is not None:
                needed = work.needs
                engine.wait(lambda needed=needed: engine.task_done(needed))  # type: ignore[misc]
            engine.compute(now_ns() + round(forward_ns if work.forward else back_ns))
            if work.gives is not None:
                engine.release(work.gives)

    def _load(self) -> None:
        steps, stage = self.steps, self.stage
        if steps.numbers:
            for region in (_OUT_FORWARD, _OUT_BACK):
                at, end = stage.span(region, 0, stage.microbatches)
                self.buffer[at * ELEMENT_BYTES : end * ELEMENT_BYTES] = steps.numbers.of(
                    steps.rank, steps.step, at, end
                )

    def _wrong(self) -> int | None:
        steps, stage = self.steps, self.stage
        if not steps.numbers:
            return None
        found = 0
        for came, left, peer in (
            (_IN_FORWARD, _OUT_FORWARD, stage.stage - 1),
            (_IN_BACK, _OUT_BACK, stage.stage + 1),
        ):
            if 0 <= peer < stage.stages:
                at, end = stage.span(came, 0, stage.microbatches)
                right = steps.numbers.of(peer, steps.step, *stage.span(left, 0, stage.microbatches))
                own = self.buffer[at * ELEMENT_BYTES : end * ELEMENT_BYTES]
                found += count_wrong(own, memoryview(right))
        return found
