"""Which spans the paths avoid: those that have failed, and those that are not trusted yet.

A span that has come back is used again only when it has stayed up for the
wait-to-restore time (ITU-T G.808.1 calls it so). A span that flaps is damped as
routes are in RFC 2439: each failure adds a penalty that halves in every half-life;
above the suppress limit the span stays avoided until the penalty is below the
reuse limit. A failure is acted on after a short hold-off, so that spans that fail
together are one computation. Time is passed in, in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

PENALTY = 1000.0
"""Of each failure (RFC 2439, 4.2); the limits are in the same unit."""


@dataclass(frozen=True, slots=True)
class Timers:
    """How patient the controller is.

    The defaults suit experiments of seconds; operators wait for minutes to restore,
    and RFC 2439 suggests half-lives of 15 minutes.
    """

    hold_off_s: float = 0.1
    """From the first failure to the computation of new paths."""
    wait_to_restore_s: float = 3.5
    """How long a span must have been up before paths lead over it again.

    For up to 1 s after it is up, BFD notices a failure in seconds only (see docs/decisions.md).
    """
    half_life_s: float = 5.0
    """Of a span's penalty."""
    suppress_at: float = 2500.0
    """The penalty from which a span is damped: three failures in a short time."""
    reuse_at: float = 750.0
    """The penalty below which it is trusted again."""
    longest_damping_s: float = 30.0
    """No span that stays up is avoided for longer, however often it has failed."""


@dataclass(frozen=True, slots=True)
class Return:
    """A span has come up: when it will be used, and its penalty if that is why it waits."""

    span: str
    wait_s: float
    penalty: float | None = None


@dataclass
class SpanHealth:
    """Keeps the spans that paths avoid."""

    timers: Timers
    _dead: set[str] = field(default_factory=set)
    _waiting: dict[str, float] = field(default_factory=dict)
    """Spans that are up again, and when they will be used."""
    _damped: set[str] = field(default_factory=set)
    _penalties: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Penalty, and when it was that."""
    _avoided: frozenset[str] = frozenset()

    @property
    def dead(self) -> frozenset[str]:
        """The spans that carry nothing now."""
        return frozenset(self._dead)

    @property
    def waiting(self) -> dict[str, float]:
        """The spans that are up but not trusted yet, and from when on they are."""
        return dict(self._waiting)

    @property
    def next_return_s(self) -> float | None:
        """When the next span will be trusted."""
        return min(self._waiting.values(), default=None)

    def went_down(self, span: str, now_s: float) -> None:
        """A span has failed."""
        self._dead.add(span)
        self._waiting.pop(span, None)
        most = self.timers.reuse_at * 2 ** (self.timers.longest_damping_s / self.timers.half_life_s)
        self._penalties[span] = (min(most, self.penalty(span, now_s) + PENALTY), now_s)

    def came_up(self, span: str, now_s: float) -> Return | None:
        """A span works again. None if no path has left it, so that there is nothing to wait for."""
        self._dead.discard(span)
        penalty = self.penalty(span, now_s)
        damped = penalty >= self.timers.suppress_at
        if not damped and span not in self._avoided:
            return None
        wait_s = self.timers.wait_to_restore_s
        if damped:
            halvings = math.log2(penalty / self.timers.reuse_at)
            wait_s = max(wait_s, self.timers.half_life_s * halvings)
        else:
            # What fails together comes back nearly together, and is one move as well.
            for other in self._waiting.keys() - self._damped:
                self._waiting[other] = now_s + wait_s
        (self._damped.add if damped else self._damped.discard)(span)
        self._waiting[span] = now_s + wait_s
        return Return(span, wait_s, penalty if damped else None)

    def penalty(self, span: str, now_s: float) -> float:
        """A span's penalty by now."""
        value, then_s = self._penalties.get(span, (0.0, now_s))
        return value * math.pow(0.5, (now_s - then_s) / self.timers.half_life_s)

    def trusted(self, now_s: float) -> list[str]:
        """The spans whose waiting is over; they are not avoided any more."""
        over = [span for span, at_s in self._waiting.items() if at_s <= now_s]
        for span in over:
            del self._waiting[span]
        return over

    def avoided(self) -> frozenset[str]:
        """What paths computed now must avoid; from then on it counts as avoided."""
        self._avoided = frozenset(self._dead | self._waiting.keys())
        return self._avoided
