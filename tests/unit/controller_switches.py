"""A core with switches that do as they are told, on a clock that the test moves."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Any

from controller.changes import (
    Change,
    DeleteFlow,
    DeleteForeign,
    DeleteGroup,
    PutFlow,
    PutGroup,
    Stock,
)
from controller.core import Core
from controller.dataplane import DataPlane, Outcome
from controller.effects import Announce, Effect, Log, Send, TakeStock, Wake
from controller.health import Timers
from controller.liveness import PortState
from controller.policies import policy_named
from controller.rules import SwitchRules
from tests.unit.controller_plans import one_host_per_switch
from topologies.plan import NetworkPlan, PlannedSwitch

CHANNEL_S = 0.01
LONG_S = 10.0
"""Longer than an update and any wait to restore."""


def applied(rules: SwitchRules, changes: Iterable[Change]) -> SwitchRules:
    """The rules after some changes."""
    flows, groups = dict(rules.flows), dict(rules.groups)
    for change in changes:
        match change:
            case PutGroup(group):
                groups[group.number] = group
            case PutFlow(flow):
                flows[flow.key] = flow
            case DeleteFlow(key):
                flows.pop(key, None)
            case DeleteGroup(number):
                groups.pop(number, None)
            case DeleteForeign():
                pass
    return SwitchRules(flows, groups)


class Bench:
    """The core, its switches and their control channels.

    Switches named in `cut_off` hear nothing; what is sent to those in `slow` waits there.
    """

    def __init__(
        self,
        plan: NetworkPlan,
        policy: str,
        held: Mapping[str, SwitchRules] | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.plan = plan
        self.core = Core(plan, policy_named(policy), timers)
        self.now_s = 100.0
        self.held = {switch.name: SwitchRules() for switch in plan.switches} | dict(held or {})
        self.foreign: dict[str, tuple[object, ...]] = {}
        self.log: list[Log] = []
        self.sent: list[Send] = []
        self.announced: list[Announce] = []
        self.slow: set[str] = set()
        self.dead: set[str] = set()
        self._due: list[tuple[float, int, Any]] = []
        self._count = 0

    def start(self, *, without: Iterable[str] = ()) -> Bench:
        """Start the core and connect all switches but some."""
        self.do(self.core.start(self.now_s))
        for switch in self.plan.switches:
            if switch.name not in without:
                self.connect(switch.name)
        self.run(1.0)
        return self

    def connect(self, name: str) -> None:
        switch = self.plan.switch(name)
        self.do(self.core.switch_connected(switch.dpid, self.ports(switch), self.now_s))

    def disconnect(self, name: str) -> None:
        self.do(self.core.switch_gone(self.plan.switch(name).dpid, self.now_s))

    def ports(self, switch: PlannedSwitch) -> dict[int, PortState]:
        found = {
            h.port.number: PortState.LIVE for h in self.plan.hosts if h.port.dpid == switch.dpid
        }
        for span in self.plan.spans:
            for end in (span.a, span.b):
                if end.dpid == switch.dpid:
                    dead = span.id in self.dead
                    found[end.number] = PortState.NOT_HEARD if dead else PortState.LIVE
        return found

    def span(self, name: str, up: bool, how: PortState = PortState.NOT_HEARD) -> None:
        """Both ends of a span say how it is, if they are connected."""
        (self.dead.discard if up else self.dead.add)(name)
        state = PortState.LIVE if up else how
        [span] = [span for span in self.plan.spans if span.id == name]
        for end in (span.a, span.b):
            if end.switch in self.core.connected:
                self.do(self.core.port_reported(end.dpid, end.number, state, self.now_s))

    def run(self, seconds: float) -> None:
        """Let time pass; answers and timers come when they are due."""
        until_s = self.now_s + seconds
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._due)
            self._happen(what)
        self.now_s = until_s

    def do(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            match effect:
                case Log():
                    self.log.append(effect)
                case Wake(at_s):
                    self._later(at_s, effect)
                case Announce():
                    self.announced.append(effect)
                case Send() | TakeStock():
                    if isinstance(effect, Send):
                        self.sent.append(effect)
                    if effect.switch not in self.slow:
                        self._later(self.now_s + CHANNEL_S, effect)

    def names(self, since: int = 0) -> list[str]:
        return [log.event for log in self.log[since:]]

    def logged(self, event: str, since: int = 0) -> list[dict[str, Any]]:
        return [dict(log.fields) for log in self.log[since:] if log.event == event]

    def _later(self, at_s: float, what: Effect) -> None:
        self._count += 1
        heapq.heappush(self._due, (at_s, self._count, what))

    def _happen(self, what: Effect) -> None:
        match what:
            case Send(switch, changes, ticket) if switch in self.core.connected:
                self.held[switch] = applied(self.held[switch], changes)
                self.do(self.core.acknowledged(ticket, self.now_s))
            case TakeStock(switch) if switch in self.core.connected:
                stock = Stock(self.held[switch], self.foreign.pop(switch, ()))
                self.do(self.core.stock_taken(switch, stock, self.now_s))
            case Wake():
                self.do(self.core.woken(self.now_s))


def delivers(bench: Bench) -> bool:
    """Whether every pair of hosts is served over what is not dead."""
    plane = DataPlane(bench.plan, bench.held)
    hosts = one_host_per_switch(bench.plan)
    dead = frozenset(bench.dead)
    return all(
        plane.send(a, b, dead).outcome is Outcome.DELIVERED for a in hosts for b in hosts if a != b
    )
