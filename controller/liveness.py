"""Which spans live, from what the switches at both ends say of their ports.

A span works only if both ends say so: a one-way failure is a failure. While the
network starts, ports are not live yet (BFD needs a moment to agree); such a span
is taken as good until it has been live once or the start-up time is over, so that
the start does not look like a storm of failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from topologies.plan import NetworkPlan, PlannedPort


class PortState(StrEnum):
    """How a switch says that a port is, and by that, how a failure was noticed."""

    LIVE = "live"
    NO_CARRIER = "carrier"
    NOT_HEARD = "bfd"
    """It has a carrier, but nothing is heard from the far end, or the far end hears nothing."""
    TAKEN_DOWN = "administrative"
    MISSING = "missing"


class _Port(Enum):
    NOT_YET = "not live so far"
    LIVE = "live"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class PortChange:
    """What one report changed.

    span: the span of the port, None if it is a host's or unknown.
    changed: whether the port's state is another than before.
    span_change: True if the span has come up by it, False if it went down, None otherwise.
    """

    span: str | None
    changed: bool = False
    span_change: bool | None = None


class SpanLiveness:
    """Keeps the state of every span's two ports."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._ends: dict[str, tuple[PlannedPort, PlannedPort]] = {
            span.id: (span.a, span.b) for span in plan.spans
        }
        self._span_at = {
            (port.switch, port.number): span for span, ends in self._ends.items() for port in ends
        }
        self._states = dict.fromkeys(self._span_at, _Port.NOT_YET)
        self._starting = True
        self._down: set[str] = set()

    @property
    def down(self) -> frozenset[str]:
        """The spans that have failed."""
        return frozenset(self._down)

    @property
    def all_live(self) -> bool:
        """Whether every port of every span has said that it is live, and is."""
        return all(state is _Port.LIVE for state in self._states.values())

    def ports_of(self, switch: str) -> list[int]:
        """The ports of a switch that lead to spans."""
        return [number for name, number in self._states if name == switch]

    def isolated(self) -> frozenset[str]:
        """The switches all of whose spans have failed, by what both ends say."""
        spans: dict[str, set[str]] = {}
        for (switch, _), span in self._span_at.items():
            spans.setdefault(switch, set()).add(span)
        return frozenset(switch for switch, own in spans.items() if own <= self._down)

    def report(self, switch: str, port: int, live: bool) -> PortChange:
        """A switch says how one of its ports is."""
        span = self._span_at.get((switch, port))
        if span is None:
            return PortChange(None)
        before = self._states[switch, port]
        if live:
            after = _Port.LIVE
        else:
            after = _Port.NOT_YET if before is _Port.NOT_YET and self._starting else _Port.DEAD
        self._states[switch, port] = after
        return PortChange(span, before is not after, self._settle(span))

    def starting_ends(self, switch: str | None = None) -> tuple[str, ...]:
        """The start-up time of one switch, or of all, is over: what has not been live is down.

        Returns those spans.
        """
        self._starting = self._starting and switch is not None
        for end, state in self._states.items():
            if state is _Port.NOT_YET and switch in (None, end[0]):
                self._states[end] = _Port.DEAD
        return tuple(span for span in self._ends if self._settle(span) is False)

    def _settle(self, span: str) -> bool | None:
        dead = any(
            self._states[port.switch, port.number] is _Port.DEAD for port in self._ends[span]
        )
        if dead == (span in self._down):
            return None
        (self._down.add if dead else self._down.discard)(span)
        return not dead
