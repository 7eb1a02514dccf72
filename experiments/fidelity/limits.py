"""What a trial's machine may do to it before its measurement is void."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from topologies.spec import Strict


class FidelityLimits(Strict):
    """A trial beyond one of these has failed; docs/explanation/virtual-time.md explains each."""

    timer_late_p99_ms: float = Field(default=1.0, gt=0, le=60_000)
    """Clock real: how late 99 of 100 wake-ups of an ordinary process may be."""
    timer_late_max_ms: float = Field(default=20.0, gt=0, le=60_000)
    """Clock real: how late any may be."""
    cpu_share: float = Field(default=0.9, gt=0, le=1)
    """Clock real: of all cores' time, how much may be taken."""
    cpu_wait_share: float = Field(default=0.2, gt=0, le=1)
    """Clock real: the part of the time in which some process had to wait for a core."""
    spin_share: float = Field(default=1.0, gt=0, le=1000)
    """Clock virtual: processor time of one process ÷ the trial's; who sleeps takes none, and who
    polls the clock all the time 1 to 4, because ticks are counted in full."""


Readings = Mapping[str, float | str | None]
_SAID = {
    "timer_late_p99_ms": "1 of 100 timers was late by {} ms or more",
    "timer_late_max_ms": "a timer was late by {} ms",
    "cpu_share": "{} of all cores' time was taken",
    "cpu_wait_share": "processes waited for a core in {} of the time",
}


def broken_limits(readings: Readings, limits: FidelityLimits) -> Iterator[str]:
    """Each limit that was passed, in words; what could not be read passes none."""
    for name, said in _SAID.items():
        found, limit = readings.get(name), getattr(limits, name)
        if isinstance(found, int | float) and found > limit:
            yield f"{said.format(f'{found:.3g}')} (fidelity.{name}: {limit:g})"
    spun = readings.get("spin_share")
    if isinstance(spun, int | float) and spun > limits.spin_share:
        yield (
            f"{readings.get('spin_process')} kept the virtual clock from going on: it took "
            f"{spun:.3g} of the trial's time instead of sleeping (fidelity.spin_share: "
            f"{limits.spin_share:g})"
        )
