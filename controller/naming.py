"""Choosing the version of every name, from what the switches hold (see `names`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.names import (
    ENTRY,
    VERSIONS,
    entry_key,
    entry_version,
    first_way,
    label_name,
    name_of,
    named_key,
    stamp,
)
from controller.renaming import Renamer
from controller.rules import Action, Flow, Match, Output, PopLabel, SwitchRules, Table
from topologies.plan import GATEWAY_MAC, NetworkPlan

Rules = Mapping[str, SwitchRules]


def named_rules(plan: NetworkPlan, wanted: Rules, held: Rules) -> dict[str, SwitchRules]:
    """The wanted rules with names, chosen so that what `held` does right keeps its name.

    held: what the switches have (names included); a switch that is missing has nothing.
    """
    naming = Naming(plan, wanted, held)
    return {switch: naming.rules_of(switch) for switch in wanted}


@dataclass
class Naming:
    """Gives versions, from each name's last switch backwards."""

    plan: NetworkPlan
    wanted: Rules
    held: Rules
    _versions: dict[tuple[str, Match], int] = field(default_factory=dict)
    _exits: dict[tuple[str, Match], tuple[int | None, bool]] = field(default_factory=dict)
    _outlets: dict[tuple[str, int], str | None] = field(default_factory=dict)
    _ways: dict[tuple[str, tuple[Action, ...]], list[Action]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._far: dict[tuple[str, int], str] = {}
        for span in self.plan.spans:
            self._far[span.a.switch, span.a.number] = span.b.switch
            self._far[span.b.switch, span.b.number] = span.a.switch
        # A label has two flows where it ends; both do the same with it.
        self._flows: dict[tuple[str, Match], list[Flow]] = {}
        for switch, rules in self.wanted.items():
            for flow in rules.flows.values():
                name = name_of(flow.key.match)
                if name is not None:
                    self._flows.setdefault((switch, name), []).append(flow)

    def rules_of(self, switch: str) -> SwitchRules:
        """One switch's rules with names in them."""
        rules, held = self.wanted[switch], self.held.get(switch, SwitchRules())
        renamer = Renamer(self, switch, rules, held)
        flows = [renamer.flow(flow) for flow in rules.flows.values()]
        flows += self._entries(switch)
        return SwitchRules({flow.key: flow for flow in flows}, renamer.groups)

    def version(self, switch: str | None, name: Match) -> int:
        """The version of a name at a switch."""
        trail: list[str] = []
        at = switch
        while at is not None and (at, name) in self._flows and (at, name) not in self._versions:
            self._versions[at, name] = 0
            trail.append(at)
            at = self._next(at, name)
        for passed in reversed(trail):
            self._versions[passed, name] = self._chosen(passed, name)
        return 0 if switch is None else self._versions.get((switch, name), 0)

    def far(self, switch: str, port: int | None) -> str | None:
        """The switch at the other end of a port's span, None if it has none."""
        return None if port is None else self._far.get((switch, port))

    def below_label(self, switch: str | None, label: int) -> str | None:
        """The switch at which packets come out from under a label."""
        if switch is None:
            return None
        if (switch, label) not in self._outlets:
            self._outlets[switch, label] = self._outlet(switch, label)
        return self._outlets[switch, label]

    def _outlet(self, first: str, label: int) -> str | None:
        switch: str | None = first
        name = label_name(label)
        while switch is not None and (switch, name) in self._flows:
            port, popped = self._exit(switch, name)
            switch = self.far(switch, port)
            if popped:
                return switch
        return None

    def _next(self, switch: str, name: Match) -> str | None:
        port, popped = self._exit(switch, name)
        return None if popped else self.far(switch, port)

    def _exit(self, switch: str, name: Match) -> tuple[int | None, bool]:
        known = self._exits.get((switch, name))
        if known is None:
            known = self._exits[switch, name] = self._found_exit(switch, name)
        return known

    def _found_exit(self, switch: str, name: Match) -> tuple[int | None, bool]:
        way = self._wanted_way(switch, self._flows[switch, name][0])
        ports = [action.port for action in way if isinstance(action, Output)]
        return (ports[0] if ports else None), any(isinstance(a, PopLabel) for a in way)

    def _wanted_way(self, switch: str, flow: Flow) -> list[Action]:
        key = (switch, flow.actions)
        if key not in self._ways:
            self._ways[key] = list(first_way(flow.actions, self.wanted[switch].groups))
        return self._ways[key]

    def _chosen(self, switch: str, name: Match) -> int:
        """The version under which the switch does the right thing already, else an unused one."""
        held = self.held.get(switch)
        if held is None:
            return 0
        flows = self._flows[switch, name]
        taken = []
        for version in VERSIONS:
            keys = [named_key(flow.key, version) for flow in flows]
            found = [held.flows.get(key) for key in keys]
            if all(
                has is not None and self._does_so(switch, has, flow, version)
                for has, flow in zip(found, flows, strict=True)
            ):
                return version
            if any(found):
                taken.append(version)
        unused = [version for version in VERSIONS if version not in taken]
        # Both are taken only after an update that was left half done, by another controller.
        return unused[0] if unused else 1 - entry_version(held, name)

    def _does_so(self, switch: str, has: Flow, flow: Flow, version: int) -> bool:
        way = self._wanted_way(switch, flow)
        onward = self._next(switch, name) if (name := name_of(flow.key.match)) else None
        if name is not None and onward is not None:
            ahead = self.version(onward, name)
            if ahead != version:
                way = [stamp(name, ahead), *way]
        return list(first_way(has.actions, self.held[switch].groups)) == way

    def _entries(self, switch: str) -> Iterator[Flow]:
        """Hosts' packets get version 0 of their form, or what is said for their destination."""
        yield Flow(ENTRY, (stamp(ENTRY.match, 0),), Table.ADDRESSES)
        for key in self.wanted[switch].flows:
            name = name_of(key.match)
            if name is not None and name.eth_dst == GATEWAY_MAC and self.version(switch, name):
                yield Flow(entry_key(name), (stamp(name, 1),), Table.ADDRESSES)
