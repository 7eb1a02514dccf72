"""Which way a flow's packets took at every moment of a trial.

Computed from the very rules that the controller had sent by then and from what the switches had
noticed by then; a switch's message was sent its control channel's delay before it was logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.dataplane import DataPlane, Outcome, Trace
from controller.desired import Designer
from controller.policies import POLICIES
from controller.rules import SwitchRules
from experiments.report.flows import Flow
from topologies.plan import NetworkPlan

NS_PER_US = 1_000
NS_PER_S = 1_000_000_000
# Larger networks and longer histories would take longer to compute than a reader waits.
MOST_SWITCHES = 150
MOST_MOMENTS = 400

Event = Mapping[str, Any]
Rules = Mapping[str, SwitchRules]


@dataclass(frozen=True, slots=True)
class Way:
    """A flow's way from a moment on.

    kind: `usual` as at the start; `repair` around spans that the switches know to be dead;
    `moved` by new rules of the controller; `broken`: packets are lost at span `lost_at`.
    spans: (id, whether it is passed from its end `a`). labels: the deepest label stack.
    """

    at_s: float
    kind: str
    spans: tuple[tuple[str, bool], ...]
    labels: int = 0
    lost_at: str | None = None


@dataclass
class _State:
    """What holds at a moment: each switch's rules, the dead ports it knows of, the cut spans."""

    rules: dict[str, SwitchRules]
    noticed: set[tuple[str, str]] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Change:
    at_ns: int
    what: str
    switch: str = ""
    span: str = ""
    rules: Rules = field(default_factory=dict)


def computable(plan: NetworkPlan, policy: str) -> str | None:
    """Why ways cannot be computed, or None if they can."""
    if POLICIES[policy].app is not None:
        return f"the rules of {policy} are its own application's"
    if len(plan.switches) > MOST_SWITCHES:
        return f"a network of more than {MOST_SWITCHES} switches"
    return None


def ways(
    plan: NetworkPlan, policy: str, events: Sequence[Event], start_ns: int, flows: Sequence[Flow]
) -> list[list[Way]]:
    """Of each flow its ways in order of time, from 0 s on; see `computable` first."""
    designs = _Designs(plan, policy)
    changes = sorted(_changes(plan, events, designs), key=lambda change: change.at_ns)
    state = _State(dict(designs.rules(())))
    for change in (one for one in changes if one.at_ns <= start_ns):
        _apply(state, change)
    walker = _Walker(plan, flows)
    found = [[way] for way in walker.walked(state, 0.0)]
    later = [change for change in changes if change.at_ns > start_ns]
    for index, change in enumerate(later[:MOST_MOMENTS]):
        _apply(state, change)
        if index + 1 < len(later) and later[index + 1].at_ns == change.at_ns:
            continue
        for known, way in zip(
            found, walker.walked(state, (change.at_ns - start_ns) / NS_PER_S), strict=True
        ):
            if (way.kind, way.spans) != (known[-1].kind, known[-1].spans):
                known.append(way)
    return found


class _Designs:
    """The rules of all switches by the spans that they avoid."""

    def __init__(self, plan: NetworkPlan, policy: str) -> None:
        self._designer = Designer(plan)
        self.policy = POLICIES[policy]
        self._known: dict[frozenset[str], Rules] = {}

    def rules(self, avoided: Sequence[str]) -> Rules:
        key = frozenset(avoided)
        if key not in self._known:
            self._known[key] = self._designer.desired(self.policy, key).rules
        return self._known[key]


def _changes(plan: NetworkPlan, events: Sequence[Event], designs: _Designs) -> Iterator[_Change]:
    delay_ns = {s.name: round(s.control_delay_us * NS_PER_US) for s in plan.switches}
    aim = designs.rules(())
    for event in events:
        at_ns, name = event["t_ns"], event["event"]
        if name in ("port-not-live", "port-live") and event.get("span"):
            switch = event["switch"]
            yield _Change(at_ns - delay_ns[switch], name, switch, event["span"])
        elif name in ("fault-cut", "fault-mend"):
            for span in event["spans"]:
                yield _Change(at_ns, name, span=span)
        elif name == "paths-computed":
            aim = designs.rules(event["avoided_spans"])
        elif name == "update-switched":
            yield _Change(at_ns, "rules", rules=aim)
        elif name == "update-installed" and event.get("step") is None:
            # Under policies that send at once each switch changes by itself.
            switch = event["switch"]
            yield _Change(at_ns - delay_ns[switch], "rules", rules={switch: aim[switch]})


def _apply(state: _State, change: _Change) -> None:
    port = (change.switch, change.span)
    match change.what:
        case "port-not-live":
            state.noticed.add(port)
        case "port-live":
            state.noticed.discard(port)
        case "fault-cut":
            state.cut.add(change.span)
        case "fault-mend":
            state.cut.discard(change.span)
        case _:
            state.rules.update(change.rules)


class _Walker:
    """Sends a packet of each flow through the rules."""

    def __init__(self, plan: NetworkPlan, flows: Sequence[Flow]) -> None:
        self._plan = plan
        self._flows = flows
        self._ends = {span.id: (span.a.switch, span.b.switch) for span in plan.spans}
        self._usual: dict[int, tuple[str, ...]] = {}
        self._plane: tuple[dict[str, SwitchRules], DataPlane] | None = None

    def walked(self, state: _State, at_s: float) -> Iterator[Way]:
        plane = self._plane_of(state.rules)
        for index, flow in enumerate(self._flows):
            trace, around = self._sent(plane, flow, state)
            usual = self._usual.setdefault(index, trace.spans)
            yield self._way(trace, around, usual, state, at_s)

    def _plane_of(self, rules: dict[str, SwitchRules]) -> DataPlane:
        if self._plane is None or self._plane[0] != rules:
            self._plane = (dict(rules), DataPlane(self._plan, rules))
        return self._plane[1]

    def _sent(self, plane: DataPlane, flow: Flow, state: _State) -> tuple[Trace, set[str]]:
        """The way, and the dead spans that switches on it knew of: each looks at its own ports."""
        dead: set[str] = set()
        while True:
            trace = plane.send(flow.source, flow.target, dead)
            known = [
                span
                for switch, span in zip(trace.sites, trace.spans, strict=False)
                if (switch, span) in state.noticed and span not in dead
            ]
            if trace.outcome is Outcome.DROPPED and dead:
                # Nothing leads on from here; what is shown is the way on which it was.
                return plane.send(flow.source, flow.target), dead
            if not known:
                return trace, dead
            dead.add(known[0])

    def _way(
        self, trace: Trace, around: set[str], usual: tuple[str, ...], state: _State, at_s: float
    ) -> Way:
        passed = tuple(
            (span, self._ends[span][0] == switch)
            for switch, span in zip(trace.sites, trace.spans, strict=False)
        )
        lost_at = next((span for span, _ in passed if span in state.cut or span in around), None)
        if lost_at is not None or trace.outcome is not Outcome.DELIVERED:
            return Way(at_s, "broken", passed, trace.most_labels, lost_at)
        if trace.spans == usual:
            return Way(at_s, "usual", passed, trace.most_labels)
        return Way(at_s, "repair" if around else "moved", passed, trace.most_labels)
