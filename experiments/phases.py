"""Before, during and after: how a trial's time is divided by its faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Phase:
    """A named span of time, from_ns included, until_ns not."""

    name: str
    from_ns: int
    until_ns: int

    def overlaps(self, from_ns: int, until_ns: int) -> bool:
        """Whether [from_ns, until_ns) and this phase share a moment."""
        return from_ns < self.until_ns and until_ns > self.from_ns

    def holds(self, at_ns: int) -> bool:
        """Whether a moment lies in this phase."""
        return self.from_ns <= at_ns < self.until_ns


def phases(
    start_ns: int, warmup_s: float, duration_s: float, broken: Sequence[tuple[float, float | None]]
) -> tuple[Phase, ...]:
    """`before` the first fault, `during` (until the last repair) and `after` it.

    broken: (at_s, repair_at_s) of each fault; with no fault all is `before`, and
    with a fault that is never repaired there is no `after`. Empty phases are left out.
    """

    def at(time_s: float) -> int:
        return start_ns + round(time_s * NS_PER_S)

    if not broken:
        return (Phase("before", at(warmup_s), at(duration_s)),)
    first_s = max(warmup_s, min(at_s for at_s, _ in broken))
    repairs_s = [duration_s if repair_s is None else repair_s for _, repair_s in broken]
    last_s = max(repairs_s)
    parts = (
        Phase("before", at(warmup_s), at(first_s)),
        Phase("during", at(first_s), at(last_s)),
        Phase("after", at(last_s), at(duration_s)),
    )
    return tuple(part for part in parts if part.until_ns > part.from_ns)


def borders(parts: Sequence[Phase]) -> tuple[int, ...]:
    """The moments at which phases begin, and at which the last one ends."""
    return (*(part.from_ns for part in parts), parts[-1].until_ns)
