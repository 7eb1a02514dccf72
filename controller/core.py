"""What the controller does about what it hears: events in, effects out.

Knows neither sockets nor Ryu nor the time, so it can be driven by a test; the
application around it only translates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controller.changes import (
    Barrier,
    Change,
    Stock,
    changes_between,
    leftovers,
    removal,
)
from controller.desired import Designer, Shortfall
from controller.liveness import SpanLiveness
from controller.policies import Policy
from controller.rules import SwitchRules
from topologies.plan import NetworkPlan


@dataclass(frozen=True, slots=True)
class Log:
    """Write an event. warning: tell it to the person who watches, too."""

    event: str
    fields: Mapping[str, Any]
    warning: bool = False


class Occasion(StrEnum):
    """Why changes are sent; the events `…-sent` and `…-installed` carry its name."""

    RULES = "rules"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Send:
    """Send changes to a switch; its answer to the last barrier is to be told to `installed`."""

    site: str
    changes: tuple[Change, ...]
    occasion: Occasion


@dataclass(frozen=True, slots=True)
class TakeStock:
    """Ask a switch for all its flows and groups, and tell them to `stock_taken`."""

    site: str


Effect = Log | Send | TakeStock


class Core:
    """The controller of one network under one policy."""

    def __init__(self, plan: NetworkPlan, policy: Policy) -> None:
        self._policy = policy
        self._designer = Designer(plan)
        self._liveness = SpanLiveness(plan)
        self._site_of = {switch.dpid: switch.name for switch in plan.switches}
        self._host_at = {(host.port.switch, host.port.number): host.name for host in plan.hosts}
        self._desired: Mapping[str, SwitchRules] = {}
        self._connected: set[str] = set()
        self._installed: set[str] = set()
        self._ready = False

    def start(self) -> Iterator[Effect]:
        """Compute the rules; say what they cannot protect."""
        desired = self._designer.desired(self._policy)
        self._desired = desired.rules
        depths = dict(enumerate(desired.label_depths))
        yield Log("paths-computed", {"failed_spans": [], "repairs_by_labels": depths})
        for shortfall in desired.shortfalls:
            yield _unprotected(shortfall)

    def site_of(self, dpid: int) -> str | None:
        """The site of a datapath id, None if the plan has none."""
        return self._site_of.get(dpid)

    def switch_connected(self, dpid: int, live_ports: Mapping[int, bool]) -> Iterator[Effect]:
        """A switch is there (again). live_ports: its ports by number, and whether each is live."""
        site = self._site_of.get(dpid)
        if site is None:
            yield Log("unknown-switch", {"dpid": dpid}, warning=True)
            return
        yield Log("switch-connected", {"site": site})
        self._connected.add(site)
        yield Send(site, changes_between(SwitchRules(), self._desired[site]), Occasion.RULES)
        rules = self._desired[site]
        counts = {"flows": len(rules.flows), "groups": len(rules.groups)}
        yield Log("rules-sent", {"site": site, **counts})
        yield TakeStock(site)
        for port, live in live_ports.items():
            yield from self.port_reported(dpid, port, live)

    def switch_gone(self, dpid: int) -> Iterator[Effect]:
        """A switch's connection has ended. Its ports count as they were: it forwards on."""
        site = self._site_of.get(dpid)
        if site is not None:
            self._connected.discard(site)
            self._installed.discard(site)
            yield Log("switch-disconnected", {"site": site})

    def port_reported(self, dpid: int, port: int, live: bool) -> Iterator[Effect]:
        """A switch says whether a port is live."""
        site = self._site_of.get(dpid)
        if site is None:
            return
        change = self._liveness.report(site, port, live)
        name = "port-live" if live else "port-not-live"
        if change.changed:
            yield Log(name, {"site": site, "span": change.span})
        elif not live and (site, port) in self._host_at:
            yield Log(name, {"site": site, "host": self._host_at[site, port]})
        if change.span_change is not None and change.span is not None:
            yield from self._spans_changed([change.span], change.span_change)
        yield from self._ready_now()

    def installed(self, site: str, occasion: Occasion) -> Iterator[Effect]:
        """A switch has acknowledged all that was sent on one occasion."""
        yield Log(f"{occasion}-installed", {"site": site})
        if occasion is Occasion.RULES:
            self._installed.add(site)
        yield from self._ready_now()

    def stock_taken(self, site: str, held: Stock) -> Iterator[Effect]:
        """What a switch holds, after its rules were sent: leftovers are removed."""
        stale = leftovers(held, self._desired[site])
        changes = removal(stale)
        if changes:
            flows = len(stale.flows) + len(stale.foreign)
            counts = {"flows": flows, "groups": len(stale.groups)}
            yield Log("leftovers-removed", {"site": site, **counts})
            yield Send(site, changes, Occasion.UPDATE)

    def start_up_over(self) -> Iterator[Effect]:
        """The time in which switches and spans may appear has passed."""
        missing = [site for site in self._site_of.values() if site not in self._connected]
        if missing:
            yield Log("switches-missing", {"sites": missing}, warning=True)
        yield from self._spans_changed(self._liveness.starting_ends(), up=False)

    def switch_error(self, dpid: int | None, kind: int, code: int) -> Iterator[Effect]:
        """A switch has refused a message (OpenFlow error type and code)."""
        site = None if dpid is None else self._site_of.get(dpid)
        fields = {"site": site, "dpid": dpid, "type": kind, "code": code}
        yield Log("switch-error", fields, warning=True)

    def _spans_changed(self, spans: Iterable[str], up: bool) -> Iterator[Effect]:
        changed = list(spans)
        for span in changed:
            yield Log("span-up" if up else "span-down", {"span": span})
        if changed and self._policy.restores:
            yield from self._restore()

    def _restore(self) -> Iterator[Effect]:
        before = self._desired
        failed = sorted(self._liveness.down)
        self._desired = self._designer.desired(self._policy, failed).rules
        yield Log("paths-computed", {"failed_spans": failed})
        for site in self._desired:
            changes = changes_between(before[site], self._desired[site])
            # A switch that is away gets everything when it returns.
            if changes and site in self._connected:
                yield Send(site, changes, Occasion.UPDATE)
                count = sum(not isinstance(change, Barrier) for change in changes)
                yield Log("update-sent", {"site": site, "changes": count})

    def _ready_now(self) -> Iterator[Effect]:
        if self._ready or len(self._installed) < len(self._site_of):
            return
        if self._liveness.all_live:
            self._ready = True
            yield Log("ready", {})


def _unprotected(shortfall: Shortfall) -> Log:
    fields = {
        "site": shortfall.site,
        "span": shortfall.span,
        "destinations": list(shortfall.destinations),
        "protection": shortfall.protection.value,
    }
    return Log("unprotected", fields)
