"""When a generator works: from a start to a stop, with a ramp, on and off. No clock is read.

A generator that works all the time does one nanosecond of work in each nanosecond. While it
is off it does none; during the ramp its rate rises in proportion to the time that it was on.
What is due after so much work is due at one exact nanosecond, whoever computes it: a sender,
and those who evaluate a receiver's record, never have to tell each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from math import isqrt

from traffic.command import Failure, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_NS_PER_S = 1_000_000_000
_LONGEST_S = 1e6


class Schedule:
    """Work over time, in whole nanoseconds.

    start_ns: when work begins. ramp_ns: for how long of its time on the rate rises, from
    nothing to the full one. on_ns, off_ns: it works for on_ns, then rests for off_ns, again
    and again (off_ns 0: it never rests).
    """

    __slots__ = ("off_ns", "on_ns", "ramp_ns", "start_ns")

    def __init__(self, start_ns: int, ramp_ns: int = 0, on_ns: int = 0, off_ns: int = 0) -> None:
        """Raises ValueError for negative times, or a rest without a time to work."""
        if min(ramp_ns, on_ns, off_ns) < 0 or (off_ns and not on_ns):
            raise ValueError("ramp, on and off are no negative times, and off needs an on")
        self.start_ns, self.ramp_ns = start_ns, ramp_ns
        self.on_ns, self.off_ns = on_ns, off_ns

    def at(self, work_ns: int) -> int:
        """The moment at which so much work is done, and what follows it is due."""
        ramp_ns = self.ramp_ns
        if not ramp_ns:
            active_ns = work_ns
        elif 2 * work_ns < ramp_ns:
            active_ns = isqrt(2 * ramp_ns * work_ns)
        else:
            active_ns = work_ns + ramp_ns // 2
        if self.off_ns:
            active_ns += active_ns // self.on_ns * self.off_ns
        return self.start_ns + active_ns

    def is_on(self, at_ns: int) -> bool:
        """Whether it works at a moment."""
        since_ns = at_ns - self.start_ns
        resting = self.off_ns and since_ns % (self.on_ns + self.off_ns) >= self.on_ns
        return since_ns >= 0 and not resting

    def due_ns(self, rate_pps: int, sequence: int) -> int:
        """When a packet is due, from the start on, so that no error adds up."""
        return self.at(sequence * _NS_PER_S // rate_pps)

    def packets_before(self, rate_pps: int, stop_ns: int) -> int:
        """How many packets are due before a moment."""
        most = max(0, stop_ns - self.start_ns) * rate_pps // _NS_PER_S + 1
        return self.count_before(stop_ns, lambda number: number * _NS_PER_S // rate_pps, most)

    def count_before(self, stop_ns: int, work_ns: Callable[[int], int], most: int) -> int:
        """The first number, from 0 to `most`, whose work is done at a moment or later.

        work_ns: how much work each number comes after; it never falls.
        """
        return bisect_left(range(most), stop_ns, key=lambda number: self.at(work_ns(number)))


def add_schedule(parser: ArgumentParser) -> None:
    """Add --ramp-s, --on-s and --off-s."""
    for name, what in (
        ("--ramp-s", "the rate rises from nothing for so long (0)"),
        ("--on-s", "work for so long, then rest for --off-s, again and again"),
        ("--off-s", "rest for so long after each --on-s (0: never)"),
    ):
        parser.add_argument(name, type=number(0, _LONGEST_S), default=0.0, metavar="S", help=what)


def schedule_of(args: Namespace, start_ns: int) -> Schedule:
    """What the arguments of add_schedule ask for, from a start on. Raises Failure."""
    ramp_ns, on_ns, off_ns = (
        round(value * _NS_PER_S) for value in (args.ramp_s, args.on_s, args.off_s)
    )
    if bool(on_ns) != bool(off_ns):
        raise Failure("--on-s and --off-s go together; give both or neither")
    return Schedule(start_ns, ramp_ns, on_ns, off_ns)
