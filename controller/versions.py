"""The version of every name at every switch, and what it hangs on (see `names`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.names import (
    VERSIONS,
    entry_version,
    first_way,
    label_name,
    name_of,
    named_key,
    stamp,
)
from controller.rules import Action, Flow, FlowKey, Match, Output, PopLabel, SwitchRules
from topologies.plan import NetworkPlan

Name = tuple[str, Match]
"""A name at a switch."""


@dataclass
class _Switch:
    """What is known of one switch.

    wanted: its rules without names; flows: by name; ways: what becomes of packets, by actions.
    exits: by name, the port that packets leave by, and whether without their label.
    """

    wanted: SwitchRules = field(default_factory=SwitchRules)
    held: SwitchRules | None = None
    flows: dict[Match, tuple[Flow, ...]] = field(default_factory=dict)
    versions: dict[Match, int] = field(default_factory=dict)
    exits: dict[Match, tuple[int | None, bool]] = field(default_factory=dict)
    ways: dict[tuple[Action, ...], list[Action]] = field(default_factory=dict)

    def way(self, flow: Flow) -> list[Action]:
        """What the rules want to become of a flow's packets."""
        if flow.actions not in self.ways:
            self.ways[flow.actions] = list(first_way(flow.actions, self.wanted.groups))
        return self.ways[flow.actions]


class Versions:
    """Gives versions, from each name's last switch backwards."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._far: dict[tuple[str, int], str] = {}
        self._near: dict[str, dict[str, None]] = {switch.name: {} for switch in plan.switches}
        for span in plan.spans:
            for here, there in ((span.a, span.b), (span.b, span.a)):
                self._far[here.switch, here.number] = there.switch
                self._near[here.switch][there.switch] = None
        self._switches = {switch.name: _Switch() for switch in plan.switches}
        self._outlets: dict[int, dict[str, str | None]] = {}

    def version(self, switch: str | None, name: Match) -> int:
        """The version of a name at a switch."""
        return 0 if switch is None else self._switches[switch].versions.get(name, 0)

    def versions_at(self, switch: str) -> Mapping[Match, int]:
        """The versions of all names at a switch."""
        return self._switches[switch].versions

    def flows(self, switch: str, name: Match) -> tuple[Flow, ...]:
        """The flows for a name at a switch: two where a label ends, else one, or none."""
        return self._switches[switch].flows.get(name, ())

    def far(self, switch: str, port: int | None) -> str | None:
        """The switch at the other end of a port's span, None if it has none."""
        return None if port is None else self._far.get((switch, port))

    def next(self, switch: str, name: Match) -> str | None:
        """The switch that packets with a name go to, None if they end here or lose the name."""
        if name not in self._switches[switch].flows:
            return None
        port, popped = self._exit(switch, name)
        return None if popped else self.far(switch, port)

    def before(self, switch: str, name: Match) -> Iterator[str]:
        """The switches that hand packets with a name to this one."""
        return (near for near in self._near[switch] if self.next(near, name) == switch)

    def below_label(self, switch: str | None, label: int) -> str | None:
        """The switch at which packets come out from under a label."""
        if switch is None:
            return None
        known = self._outlets.setdefault(label, {})
        if switch not in known:
            known[switch] = self._outlet(switch, label)
        return known[switch]

    def forget_outlets(self, label: int) -> bool:
        """Look at a label's ways again. Returns whether packets come out elsewhere now."""
        known = self._outlets.pop(label, {})
        return any(self.below_label(first, label) != outlet for first, outlet in known.items())

    def aim(
        self, switch: str, wanted: SwitchRules, held: SwitchRules | None
    ) -> dict[FlowKey, None]:
        """Other rules are wanted at a switch. Returns the flows that are not what they were.

        held: what the switch has.
        """
        known = self._switches[switch]
        old, known.wanted, known.held = known.wanted, wanted, held
        if wanted is old:
            return {}
        known.ways.clear()
        changed = dict.fromkeys(key for key in old.flows if key not in wanted.flows)
        kept = wanted.groups.keys() & old.groups.keys()
        if any(wanted.groups[number] != old.groups[number] for number in kept):
            changed = dict.fromkeys([*changed, *wanted.flows])
        for key, flow in wanted.flows.items():
            before = old.flows.get(key)
            if before is not flow and before != flow:
                changed[key] = None
        for key in changed:
            name = name_of(key.match)
            if name is not None:
                self._index(known, key, name)
        return changed

    def settle(self, names: dict[Name, None]) -> Iterator[Name]:
        """Choose versions anew for some names, and wherever that matters.

        Yields those that have another version now.
        """
        waiting = dict(names)
        # Wanted rules do not loop; if they ever should, this must end all the same.
        turns: Counter[Name] = Counter()
        while waiting:
            switch, name = next(iter(waiting))
            trail = list(self._trail(waiting, switch, name))
            for at in reversed(trail):
                waiting.pop((at, name), None)
                turns[at, name] += 1
                if turns[at, name] <= len(self._switches) and self._chosen_anew(at, name):
                    yield at, name
                    waiting.update(((near, name), None) for near in self.before(at, name))

    def _trail(self, waiting: dict[Name, None], first: str, name: Match) -> Iterator[str]:
        switch: str | None = first
        while switch is not None and (switch, name) in waiting:
            del waiting[switch, name]
            yield switch
            switch = self.next(switch, name)

    def _chosen_anew(self, switch: str, name: Match) -> bool:
        versions = self._switches[switch].versions
        before = versions.pop(name, 0)
        if name in self._switches[switch].flows:
            versions[name] = self._chosen(switch, name)
        return versions.get(name, 0) != before

    @staticmethod
    def _index(known: _Switch, key: FlowKey, name: Match) -> None:
        known.exits.pop(name, None)
        flows = tuple(flow for flow in known.flows.pop(name, ()) if flow.key != key)
        if key in known.wanted.flows:
            flows = (*flows, known.wanted.flows[key])
        if flows:
            known.flows[name] = flows

    def _outlet(self, first: str, label: int) -> str | None:
        switch: str | None = first
        name = label_name(label)
        passed: set[str] = set()
        while switch is not None and name in self._switches[switch].flows and switch not in passed:
            passed.add(switch)
            port, popped = self._exit(switch, name)
            switch = self.far(switch, port)
            if popped:
                return switch
        return None

    def _exit(self, switch: str, name: Match) -> tuple[int | None, bool]:
        known = self._switches[switch]
        if name not in known.exits:
            # A label has two flows where it ends; both do the same with it.
            way = known.way(known.flows[name][0])
            port = next((action.port for action in way if isinstance(action, Output)), None)
            known.exits[name] = port, any(isinstance(action, PopLabel) for action in way)
        return known.exits[name]

    def _chosen(self, switch: str, name: Match) -> int:
        """The version under which the switch does the right thing already, else an unused one."""
        held = self._switches[switch].held
        if held is None:
            return 0
        flows = self._switches[switch].flows[name]
        taken = []
        for version in VERSIONS:
            found = [held.flows.get(named_key(flow.key, version)) for flow in flows]
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
        known = self._switches[switch]
        way = known.way(flow)
        name = name_of(flow.key.match)
        onward = None if name is None else self.next(switch, name)
        if name is not None and onward is not None:
            ahead = self.version(onward, name)
            if ahead != version:
                way = [stamp(name, ahead), *way]
        assert known.held is not None
        return list(first_way(has.actions, known.held.groups)) == way
