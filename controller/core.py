"""What the controller does about what it hears: events in, effects out.

Knows neither sockets nor Ryu nor the clock, so it can be driven by a test; the
application around it only translates. Times (`now_s`) are passed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.changes import Stock
from controller.desired import Designer, Shortfall
from controller.discovery import Discovery, WithDiscovery
from controller.effects import Effect, Log, TakeStock, Wake
from controller.health import SpanHealth, Timers
from controller.hitless import Hitless
from controller.install import Aim, AtOnce, Installer
from controller.liveness import PortState, SpanLiveness
from controller.parts import connected_parts
from controller.policies import Policy
from topologies.plan import NetworkPlan


class Core:
    """The controller of one network under one policy."""

    def __init__(self, plan: NetworkPlan, policy: Policy, timers: Timers | None = None) -> None:
        self.plan = plan
        self.policy = policy
        self.designer = Designer(plan)
        self.liveness = SpanLiveness(plan)
        self.health = SpanHealth(timers or Timers())
        names = tuple(switch.name for switch in plan.switches)
        self.installer: Installer = (
            Hitless(names, network=self.designer.network) if policy.reoptimises else AtOnce(names)
        )
        self.discovery = Discovery(plan)
        self._with_discovery = WithDiscovery()
        self.connected: set[str] = set()
        self._switch_of = {switch.dpid: switch.name for switch in plan.switches}
        self._host_at = {(host.port.switch, host.port.number): host.name for host in plan.hosts}
        self._compute_at_s: float | None = None
        self._reason = ""
        self._parts: list[list[str]] = connected_parts(plan, ())
        self._aimed_for = (frozenset[str](), frozenset[str]())
        self._ready = False

    def start(self, now_s: float) -> Iterator[Effect]:
        """Compute the rules; say what they cannot protect."""
        desired = self.designer.desired(self.policy)
        depths = dict(enumerate(desired.label_depths))
        yield Log("paths-computed", {"avoided_spans": [], "repairs_by_labels": depths})
        for shortfall in desired.shortfalls:
            yield _unprotected(shortfall)
        yield from self.installer.aim(Aim(self._with_discovery(desired.rules)), now_s)

    def switch_of(self, dpid: int) -> str | None:
        """The switch of a datapath id, None if the plan has none."""
        return self._switch_of.get(dpid)

    def switch_connected(
        self, dpid: int, ports: Mapping[int, PortState], now_s: float
    ) -> Iterator[Effect]:
        """A switch is there (again), with these ports."""
        switch = self._switch_of.get(dpid)
        if switch is None:
            yield Log("unknown-switch", {"dpid": dpid}, warning=True)
            return
        self.connected.add(switch)
        yield Log("switch-connected", {"switch": switch})
        yield TakeStock(switch)
        # A port that is not there cannot be live, whatever it was when last heard of.
        missing = dict.fromkeys(self.liveness.ports_of(switch), PortState.MISSING)
        for port, state in {**missing, **ports}.items():
            yield from self.port_reported(dpid, port, state, now_s)
        yield from self.discovery.switch_connected(switch, ports, now_s)

    def switch_gone(self, dpid: int, now_s: float) -> Iterator[Effect]:
        """A switch's connection has ended. Its ports count as they were: it forwards on."""
        switch = self._switch_of.get(dpid)
        if switch in self.connected:
            self.connected.discard(switch)
            yield Log("switch-disconnected", {"switch": switch})
            yield from self.installer.gone(switch, now_s)

    def port_reported(
        self, dpid: int, port: int, state: PortState, now_s: float
    ) -> Iterator[Effect]:
        """A switch says how a port is."""
        switch = self._switch_of.get(dpid)
        if switch is None:
            return
        live = state is PortState.LIVE
        change = self.liveness.report(switch, port, live)
        name, how = ("port-live", {}) if live else ("port-not-live", {"how": state.value})
        if change.changed:
            yield Log(name, {"switch": switch, "span": change.span, **how})
            yield from self.discovery.port_changed(switch, port, live, now_s)
        elif self.discovery.is_strange(switch, port):
            yield from self.discovery.port_changed(switch, port, live, now_s)
        elif not live and (switch, port) in self._host_at:
            yield Log(name, {"switch": switch, "host": self._host_at[switch, port], **how})
        if change.span is not None and change.span_change is not None:
            seen = {"span": change.span, "seen_by": switch, **how}
            yield Log("span-up" if live else "span-down", seen)
            yield from self._span_changed(change.span, live, now_s)
        yield from self._ready_now(now_s)

    def stock_taken(self, switch: str, stock: Stock, now_s: float) -> Iterator[Effect]:
        """What a switch that has connected holds."""
        if stock.rules.flows:
            # It has been at work before: a port that is not live now has failed.
            ends = self.liveness.starting_ends(switch)
            for span in ends:
                yield Log("span-down", {"span": span, "seen_by": switch, "how": "before"})
                self.health.went_down(span, now_s)
            if ends:
                yield from self._compute("failure", now_s)
        yield from self.installer.stock_taken(switch, stock, now_s)
        yield from self._ready_now(now_s)

    def acknowledged(self, ticket: int, now_s: float) -> Iterator[Effect]:
        """A switch has done all that was sent with a ticket."""
        yield from self.installer.acknowledged(ticket, now_s)
        yield from self._ready_now(now_s)

    def start_up_over(self, now_s: float) -> Iterator[Effect]:
        """The time in which switches and spans may appear has passed."""
        missing = [switch for switch in self._switch_of.values() if switch not in self.connected]
        if missing:
            yield Log("switches-missing", {"switches": missing}, warning=True)
        for span in self.liveness.starting_ends():
            yield Log("span-down", {"span": span, "seen_by": None, "how": "never live"})
            yield from self._span_changed(span, False, now_s)
        yield from self.installer.start_up_over(now_s)
        yield from self.discovery.begin(now_s)

    def woken(self, now_s: float) -> Iterator[Effect]:
        """A time that was asked for has come."""
        trusted = self.health.trusted(now_s)
        for span in trusted:
            yield Log("span-trusted", {"span": span})
        if trusted:
            yield from self._compute("reversion", now_s)
        elif self._compute_at_s is not None and now_s >= self._compute_at_s:
            yield from self._compute("failure", now_s)
        yield from self.discovery.woken(now_s)
        yield from self.installer.woken(now_s)

    def switch_error(
        self, dpid: int | None, kind: int, code: int, what: str | None, now_s: float
    ) -> Iterator[Effect]:
        """A switch has refused a message (OpenFlow error type and code); what: our own change."""
        switch = None if dpid is None else self._switch_of.get(dpid)
        fields = {"switch": switch, "dpid": dpid, "type": kind, "code": code, "refused": what}
        yield Log("switch-error", fields, warning=True)
        if switch is not None and what is not None:
            yield from self.installer.refused(switch, now_s)

    def link_heard(self, dpid: int, port: int, frame: bytes, now_s: float) -> Iterator[Effect]:
        """A link-discovery frame has come in at a port."""
        switch = self._switch_of.get(dpid)
        if switch is not None:
            yield from self.discovery.heard(switch, port, frame, now_s)

    def _span_changed(self, span: str, up: bool, now_s: float) -> Iterator[Effect]:
        timers = self.health.timers
        if not up:
            self.health.went_down(span, now_s)
            # Nothing but the controller heals it under other policies: no time is lost then.
            hold_off_s = timers.hold_off_s if self.policy.reoptimises else 0.0
            yield from self._compute_in(hold_off_s, now_s)
            return
        back = self.health.came_up(span, now_s)
        yield from self._tell_parts()
        if back is None or not self.policy.restores:
            return
        fields: dict[str, object] = {"span": span, "wait_s": round(back.wait_s, 6)}
        if back.penalty is not None:
            yield Log("span-damped", {**fields, "penalty": round(back.penalty)}, warning=True)
        else:
            yield Log("wait-to-restore", fields)
        yield Wake(now_s + back.wait_s)

    def _compute_in(self, hold_off_s: float, now_s: float) -> Iterator[Effect]:
        if not hold_off_s:
            yield from self._compute("failure", now_s)
        elif self._compute_at_s is None:
            self._compute_at_s = now_s + hold_off_s
            yield Wake(self._compute_at_s)

    def _compute(self, reason: str, now_s: float) -> Iterator[Effect]:
        self._compute_at_s = None
        yield from self._tell_parts()
        if not self.policy.restores:
            return
        avoided, isolated = self.health.avoided(), self.liveness.isolated()
        if self._aimed_for == (avoided, isolated):
            return
        self._aimed_for = (avoided, isolated)
        desired = self.designer.desired(self.policy, sorted(avoided))
        yield Log("paths-computed", {"avoided_spans": sorted(avoided)})
        rules = self._with_discovery(desired.rules)
        yield from self.installer.aim(Aim(rules, avoided, isolated, reason), now_s)

    def _tell_parts(self) -> Iterator[Effect]:
        before, self._parts = self._parts, connected_parts(self.plan, self.health.dead)
        if before == self._parts:
            return
        if len(self._parts) > 1:
            yield Log("partitioned", {"parts": self._parts}, warning=True)
        else:
            yield Log("partition-over", {})

    def _ready_now(self, now_s: float) -> Iterator[Effect]:
        if self._ready or self.installer.held.keys() < set(self._switch_of.values()):
            return
        if self.installer.idle:
            if self.liveness.all_live:
                self._ready = True
                yield Log("ready", {})
            yield from self.discovery.begin(now_s)


def _unprotected(shortfall: Shortfall) -> Log:
    fields = {
        "switch": shortfall.site,
        "span": shortfall.span,
        "destinations": list(shortfall.destinations),
        "protection": shortfall.protection.value,
    }
    return Log("unprotected", fields)
