"""One collective of one size at one rank: its plan, its buffer, and whether it came out right."""

from __future__ import annotations

from traffic.clock import now_ns
from traffic.collectives.catalogue import COLLECTIVES, SUM
from traffic.collectives.engine import Engine, Plan
from traffic.collectives.schedule import ELEMENT_BYTES, Shape
from traffic.vector import Numbers, count_wrong


class Operation:
    """Load, start, finish (or let it go on beside something else), and check."""

    def __init__(
        self, collective: str, algorithm: str, shape: Shape, rank: int, numbers: Numbers | None
    ) -> None:
        self.rank, self.shape, self.numbers = rank, shape, numbers
        found = COLLECTIVES[collective]
        self.rounds = found.algorithms[algorithm](shape, rank)
        self.plan = Plan(self.rounds)
        self.layout = found.layout(shape, rank)
        self.buffer = memoryview(bytearray(self.layout.elements * ELEMENT_BYTES))
        self.started_at_bytes = 0, 0
        self.step = self.started_ns = 0

    def load(self, step: int) -> None:
        """Put this rank's numbers for a step into the buffer; nothing if they are not checked."""
        self.step = step
        if not self.numbers:
            return
        for (at, end), source_at in self.layout.inputs:
            self._slice(at, end)[:] = self.numbers.of(
                self.rank, step, source_at, source_at + end - at
            )

    def start(self, engine: Engine, flags: int = 0) -> None:
        """Begin it on an engine that is free."""
        self.started_ns = now_ns()
        self.started_at_bytes = engine.sent_bytes, engine.received_bytes
        engine.start(self.plan, self.buffer, adds=self.numbers is not None, flags=flags)

    def moved_bytes(self, engine: Engine) -> tuple[int, int]:
        """Numbers sent and received since the start, in bytes, without headers."""
        sent, received = self.started_at_bytes
        return engine.sent_bytes - sent, engine.received_bytes - received

    def wrong(self) -> int | None:
        """How many numbers of the result are wrong; None if they are not checked."""
        if not self.numbers:
            return None
        found = 0
        for (at, end), source, source_at in self.layout.outputs:
            until = source_at + end - at
            right = (
                self.numbers.total(self.step, source_at, until)
                if source == SUM
                else self.numbers.of(source, self.step, source_at, until)
            )
            found += count_wrong(self._slice(at, end), memoryview(right))
        return found

    def _slice(self, at: int, end: int) -> memoryview:
        return self.buffer[at * ELEMENT_BYTES : end * ELEMENT_BYTES]
