"""Writing names into the rules of a network, again and again (see `names`).

Most of what is wanted was wanted before, and most switches hold what they were given. So
what was found out is kept, and looked at again is only what hangs on a difference: flows
that are new, all names of a switch that holds something else, and, where a version has
changed, the switches before it and the repairs that lead there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from controller.names import ENTRY, entry_key, name_of, stamp
from controller.renaming import Renamer
from controller.rules import Flow, FlowKey, Match, SwitchRules, Table, groups_used
from controller.versions import Name, Versions
from topologies.plan import GATEWAY_MAC, NetworkPlan

Rules = Mapping[str, SwitchRules]
_Place = tuple[str, FlowKey]
"""A wanted flow of a switch."""


def named_rules(plan: NetworkPlan, wanted: Rules, held: Rules) -> dict[str, SwitchRules]:
    """The wanted rules with names, chosen so that what `held` does right keeps its name.

    held: what the switches have (names included); a switch that is missing has nothing.
    """
    return Naming(plan).rules(wanted, held)


@dataclass
class _Written:
    """What one switch's rules have become. flows: with names, by the flow's key without."""

    renamer: Renamer
    held: SwitchRules | None = None
    rules: SwitchRules = field(default_factory=SwitchRules)
    flows: dict[FlowKey, Flow] = field(default_factory=dict)


class Naming:
    """Names the rules of one network."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._versions = Versions(plan)
        self._readers = _Readers(self._versions)
        self._written = {
            switch.name: _Written(Renamer(self._readers, switch.name)) for switch in plan.switches
        }

    def rules(self, wanted: Rules, held: Rules) -> dict[str, SwitchRules]:
        """The wanted rules with names; see `named_rules`."""
        changed: dict[_Place, None] = {}
        names: dict[Name, None] = {}
        for switch, rules in wanted.items():
            for key in self._aim(switch, rules, held.get(switch)):
                changed[switch, key] = None
                name = name_of(key.match)
                if name is not None:
                    names[switch, name] = None
        labels = dict.fromkeys(name.mpls_label for _, name in names)
        for label in labels:
            if label is not None and self._versions.forget_outlets(label):
                changed |= self._readers.of(label)
        for switch, name in self._versions.settle(names):
            for at in (switch, *self._versions.before(switch, name)):
                changed.update(((at, f.key), None) for f in self._versions.flows(at, name))
            changed |= self._readers.of((switch, name))
        self._write(wanted, held, changed)
        return {switch: self._written[switch].rules for switch in wanted}

    def _aim(self, switch: str, wanted: SwitchRules, held: SwitchRules | None) -> Iterable[FlowKey]:
        """The flows of a switch that have to be looked at again."""
        known = self._written[switch]
        changed = self._versions.aim(switch, wanted, held)
        trusted = held is known.held or held is known.rules or held == known.rules
        known.held = held
        return changed if trusted else {**changed, **dict.fromkeys(wanted.flows)}

    def _write(self, wanted: Rules, held: Rules, places: Iterable[_Place]) -> None:
        by_switch: dict[str, list[FlowKey]] = {}
        for switch, key in places:
            by_switch.setdefault(switch, []).append(key)
        for switch, keys in by_switch.items():
            known, rules = self._written[switch], wanted[switch]
            known.renamer.aim(rules, held.get(switch, SwitchRules()))
            for key in keys:
                known.flows.pop(key, None)
                flow = rules.flows.get(key)
                self._readers.begin(switch, key)
                if flow is not None:
                    known.flows[key] = known.renamer.flow(flow)
            known.rules = self._whole(switch)

    def _whole(self, switch: str) -> SwitchRules:
        known = self._written[switch]
        flows = {flow.key: flow for flow in known.flows.values()}
        flows.update((flow.key, flow) for flow in self._entries(switch))
        groups = groups_used(flows.values(), known.renamer.groups)
        # The renamer adds to its own: what has been given out is what a switch holds.
        known.renamer.groups = dict(groups)
        return SwitchRules(flows, groups)

    def _entries(self, switch: str) -> Iterator[Flow]:
        """Hosts' packets get version 0 of their form, or what is said for their destination."""
        yield Flow(ENTRY, (stamp(ENTRY.match, 0),), Table.ADDRESSES)
        for name, version in self._versions.versions_at(switch).items():
            if version and name.eth_dst == GATEWAY_MAC:
                yield Flow(entry_key(name), (stamp(name, 1),), Table.ADDRESSES)


class _Readers:
    """Answers who writes a flow, and notes which answers the flow hangs on.

    A flow's own version and that of the next switch are not noted: `Versions` knows them.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._readers: dict[Hashable, dict[_Place, None]] = {}
        self._read: dict[_Place, list[Hashable]] = {}
        self._place: _Place = ("", ENTRY)
        self._name: Match | None = None

    def of(self, read: Hashable) -> dict[_Place, None]:
        """The flows that hang on a name at a switch, or on where a label ends."""
        return self._readers.get(read, {})

    def begin(self, switch: str, key: FlowKey) -> None:
        """A flow is written (anew) from now on."""
        self._place, self._name = (switch, key), name_of(key.match)
        for read in self._read.pop(self._place, ()):
            self._readers[read].pop(self._place, None)

    def version(self, switch: str | None, name: Match) -> int:
        """The version of a name at a switch."""
        own = self._place[0]
        if switch is not None and not (
            name == self._name and switch in (own, self._versions.next(own, name))
        ):
            self._note((switch, name))
        return self._versions.version(switch, name)

    def far(self, switch: str, port: int | None) -> str | None:
        """The switch at the other end of a port's span, None if it has none."""
        return self._versions.far(switch, port)

    def below_label(self, switch: str | None, label: int) -> str | None:
        """The switch at which packets come out from under a label."""
        self._note(label)
        return self._versions.below_label(switch, label)

    def _note(self, read: Hashable) -> None:
        self._readers.setdefault(read, {})[self._place] = None
        self._read.setdefault(self._place, []).append(read)
