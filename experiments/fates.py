"""What becomes of each pair of hosts under any failure, walked through the very rules.

A packet's way changes only with the spans that it asks for: those whose liveness some group
on the way looked at, and those that it was sent into. So every walk is remembered with the
answers that it got, and a failure that gives the same answers costs no walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from controller.dataplane import DataPlane, Trace
from controller.network import Desired
from topologies.plan import NetworkPlan, PlannedHost

Pair = tuple[PlannedHost, PlannedHost]


class _Asked(AbstractSet[str]):
    """A set of failed spans that notes what it is asked, in order."""

    def __init__(self, failed: AbstractSet[str]) -> None:
        self._failed = failed
        self.answers: dict[str, bool] = {}

    def __contains__(self, span: object) -> bool:
        answer = span in self._failed
        self.answers[str(span)] = answer
        return answer

    def __iter__(self) -> Iterator[str]:
        return iter(self._failed)

    def __len__(self) -> int:
        return len(self._failed)


@dataclass
class _Question:
    """A span that a walk asks for at this point, and what follows from each answer."""

    span: str
    dead: _Question | Trace | None = None
    alive: _Question | Trace | None = None


class Fates:
    """The ways of all pairs of switches with hosts, one host at each."""

    def __init__(self, plan: NetworkPlan, desired: Desired) -> None:
        self._plane = DataPlane(plan, desired.rules)
        hosts = {host.port.switch: host for host in plan.hosts}.values()
        self.hosts_at = {host.port.switch for host in hosts}
        self._known: dict[Pair, _Question | Trace] = {}
        self._crossing: dict[str, list[Pair]] = {}
        self.before: dict[Pair, Trace] = {}
        for pair in [(a, b) for a in hosts for b in hosts if a is not b]:
            self.before[pair] = self.of(pair, frozenset())
            for span in dict.fromkeys(self.before[pair].spans):
                self._crossing.setdefault(span, []).append(pair)

    def crossing(self, failed: Iterable[str]) -> Iterable[Pair]:
        """The pairs whose way, while nothing has failed, takes one of some spans."""
        return dict.fromkeys(pair for span in failed for pair in self._crossing.get(span, ()))

    def of(self, pair: Pair, failed: AbstractSet[str]) -> Trace:
        """The way of a pair's packets while some spans are dead."""
        at: _Question | Trace | None = self._known.get(pair)
        while isinstance(at, _Question):
            at = at.dead if at.span in failed else at.alive
        return at if at is not None else self._walked(pair, failed)

    def _walked(self, pair: Pair, failed: AbstractSet[str]) -> Trace:
        asked = _Asked(failed)
        trace = self._plane.send(*pair, asked)
        answers = list(asked.answers.items())
        if not answers:
            self._known[pair] = trace
            return trace
        at = self._known.setdefault(pair, _Question(answers[0][0]))
        for number, (_, dead) in enumerate(answers, start=1):
            assert isinstance(at, _Question)  # the same answers lead to the same questions
            after = answers[number][0] if number < len(answers) else None
            follows = at.dead if dead else at.alive
            if follows is None:
                follows = trace if after is None else _Question(after)
                if dead:
                    at.dead = follows
                else:
                    at.alive = follows
            at = follows
        return trace
