"""What a policy delivers under every failure, computed from the very rules that are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

import networkx as nx

from controller.dataplane import Outcome, Trace
from controller.desired import Designer
from controller.network import Desired
from controller.policy import Policy
from controller.repair import Protection
from experiments.fates import Fates, Pair
from topologies.plan import NetworkPlan


class Kind(StrEnum):
    """What fails at once."""

    SPAN = "span"
    NODE = "node"
    CONDUIT = "conduit"
    PAIR = "two spans"


class Mechanism(StrEnum):
    """How a pair's packets arrive, or that they do not."""

    UNAFFECTED = "unaffected"
    ALTERNATE = "loop-free alternate"
    ONE_LABEL = "1 label"
    TWO_LABELS = "2 labels"
    THREE_LABELS = "3 labels"
    INGRESS = "ingress switches"
    CONTROLLER = "controller"
    DROPPED = "dropped"


_BY_LABELS = (
    Mechanism.ALTERNATE,
    Mechanism.ONE_LABEL,
    Mechanism.TWO_LABELS,
    Mechanism.THREE_LABELS,
)
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """Spans that fail at once, and the switch that fails with them, if one does."""

    kind: Kind
    name: str
    spans: frozenset[str]
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A pair that is connected and yet not served, and why its packets ended."""

    failure: str
    source: str
    target: str
    reason: str


@dataclass
class Tally:
    """What became of the pairs that failures of one kind leave connected.

    mechanisms: pairs by how they fare, summed over the failures.
    stretches: delay after ÷ delay before, to three digits, of those that took another way.
    """

    failures: int = 0
    mechanisms: Counter[Mechanism] = field(default_factory=Counter)
    stretches: Counter[float] = field(default_factory=Counter)
    lost: list[Lost] = field(default_factory=list)
    looped: int = 0

    def share(self, *mechanisms: Mechanism) -> float:
        """The share of all pairs that fare in one of some ways; 0 if there are none."""
        total = self.mechanisms.total()
        return sum(self.mechanisms[m] for m in mechanisms) / total if total else 0.0

    @property
    def delivered(self) -> float:
        """The share of pairs that arrive; 1 if there are none."""
        return 1 - self.share(Mechanism.DROPPED)

    def stretch(self, share: float) -> float | None:
        """The stretch that a share of the pairs does not exceed; None if no pair moved."""
        seen = 0
        for value, count in sorted(self.stretches.items()):
            seen += count
            if seen >= share * self.stretches.total():
                return value
        return None


@dataclass(frozen=True)
class Coverage:
    """A policy's coverage of a network."""

    plan: NetworkPlan
    policy: Policy
    desired: Desired
    tallies: dict[Kind, Tally]


def failures(plan: NetworkPlan, pairs: bool) -> Iterator[Failure]:
    """Every span, switch and conduit alone; with `pairs`, every two spans together too."""
    for span in plan.spans:
        yield Failure(Kind.SPAN, span.id, frozenset({span.id}))
    for switch in plan.switches:
        at = frozenset(s.id for s in plan.spans if switch.name in (s.a.switch, s.b.switch))
        yield Failure(Kind.NODE, switch.name, at, switch.name)
    ducts: dict[str, set[str]] = {}
    for span in plan.spans:
        for conduit in span.conduits:
            ducts.setdefault(conduit, set()).add(span.id)
    for conduit, spans in ducts.items():
        yield Failure(Kind.CONDUIT, conduit, frozenset(spans))
    if pairs:
        for a, b in combinations([span.id for span in plan.spans], 2):
            yield Failure(Kind.PAIR, f"{a} + {b}", frozenset({a, b}))


def coverage(plan: NetworkPlan, policy: Policy, cases: Iterable[Failure]) -> Coverage:
    """Try every failure on every pair of switches with hosts."""
    survey = _Survey(plan, policy)
    for failure in cases:
        survey.try_out(failure)
    return Coverage(plan, policy, survey.desired, survey.tallies)


class _Survey:
    def __init__(self, plan: NetworkPlan, policy: Policy) -> None:
        self._plan = plan
        self._policy = policy
        self._designer = Designer(plan)
        self._delay_us = {span.id: span.delay_us for span in plan.spans}
        self.desired = self._designer.desired(policy)
        self._fates = Fates(plan, self.desired)
        self.tallies: dict[Kind, Tally] = {}

    def try_out(self, failure: Failure) -> None:
        """Count what becomes of all pairs under one failure."""
        tally = self.tallies.setdefault(failure.kind, Tally())
        tally.failures += 1
        part, connected = self._parts(failure)
        afterwards: Fates | None = None
        for pair in self._fates.crossing(failure.spans):
            source, target = (host.port.switch for host in pair)
            if part.get(source, -1) != part.get(target, -2):
                continue
            connected -= 1
            trace = self._fates.of(pair, failure.spans)
            mechanism = self._mechanism(trace)
            if trace.outcome is not Outcome.DELIVERED and self._policy.restores:
                afterwards = afterwards or self._after(failure)
                trace = afterwards.of(pair, failure.spans)
                delivered = trace.outcome is Outcome.DELIVERED
                mechanism = Mechanism.CONTROLLER if delivered else Mechanism.DROPPED
            self._count(tally, failure, pair, trace, mechanism)
        tally.mechanisms[Mechanism.UNAFFECTED] += connected

    def _after(self, failure: Failure) -> Fates:
        return Fates(self._plan, self._designer.desired(self._policy, failure.spans))

    def _mechanism(self, trace: Trace) -> Mechanism:
        if trace.outcome is not Outcome.DELIVERED:
            return Mechanism.DROPPED
        if self._policy.protection is Protection.NONE:
            return Mechanism.INGRESS
        return _BY_LABELS[trace.most_labels]

    def _count(
        self, tally: Tally, failure: Failure, pair: Pair, trace: Trace, mechanism: Mechanism
    ) -> None:
        tally.mechanisms[mechanism] += 1
        tally.looped += trace.outcome is Outcome.LOOPED
        source, target = (host.port.switch for host in pair)
        if mechanism is Mechanism.DROPPED:
            tally.lost.append(Lost(failure.name, source, target, trace.reason))
            return
        before, after = (self._delay(way) for way in (self._fates.before[pair], trace))
        tally.stretches[round(after / before, _DIGITS)] += 1

    def _delay(self, trace: Trace) -> float:
        return sum(self._delay_us[span] for span in trace.spans)

    def _parts(self, failure: Failure) -> tuple[dict[str, int], int]:
        """The connected part that each living switch is in; how many pairs are connected."""
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(s.name for s in self._plan.switches if s.name != failure.node)
        graph.add_edges_from(
            (s.a.switch, s.b.switch) for s in self._plan.spans if s.id not in failure.spans
        )
        part: dict[str, int] = {}
        connected = 0
        for number, members in enumerate(nx.connected_components(graph)):
            part.update(dict.fromkeys(members, number))
            served = len(members & self._fates.hosts_at)
            connected += served * (served - 1)
        return part, connected
