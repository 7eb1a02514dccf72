"""Names with versions, so that an update never mixes old and new rules on a packet's way.

Per-packet consistency by two-phase updates (Reitblatt et al., «Abstractions for
Network Update», SIGCOMM 2012): packets carry the version that they are forwarded
by. There it is one version for the whole network, and every change sends all
rules again. Here every *name* (a MAC form with a destination, or a label) has a
version of its own *at each switch*: a switch's rule for a name takes the other
version only if its next hop has changed, or the version that it hands on. So an
update touches what lies upstream of a change and nothing else: where a changed
way meets an unchanged one, the last switch writes the name that is known there.

The version stands in the destination MAC address (02:00:00:00:0v:kk, v = 1 or 2,
of the form 02:00:00:00:00:kk) or in a label's highest bit. Hosts do not know of
it: the switch that takes their packets writes the first name (`is_entry`). A repair
is no part of a name: it may change in place, for a packet meets it only once.

Works on any rules, not on the routes they came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from controller.rules import (
    ETH_IPV4,
    ETH_MPLS,
    Action,
    Bucket,
    DecrementLabelTtl,
    DecrementTtl,
    Flow,
    FlowKey,
    ForgetPort,
    Group,
    Match,
    Output,
    PopLabel,
    SetField,
    SwitchRules,
    Table,
    ToGroup,
)
from topologies.plan import GATEWAY_MAC, NetworkPlan

_FORM = GATEWAY_MAC[:15]
_LABEL_BIT = 1 << 19
_ENTRY, _ENTRY_OF_ONE = 150, 160
_HASH_BITS = 20
_VERSIONS = (0, 1)

Rules = Mapping[str, SwitchRules]


def named_rules(plan: NetworkPlan, wanted: Rules, held: Rules) -> dict[str, SwitchRules]:
    """The wanted rules with names, chosen so that what `held` does right keeps its name.

    held: what the switches have (names included); a switch that is missing has nothing.
    """
    naming = _Naming(plan, wanted, held)
    return {switch: naming.rules_of(switch) for switch in wanted}


def is_entry(key: FlowKey) -> bool:
    """Whether a flow gives hosts' packets their first name."""
    return key.table is Table.LABELS and key.match.eth_dst == GATEWAY_MAC


def _named_mac(form: str, version: int) -> str:
    return f"{form[:12]}{version + 1:02x}{form[14:]}"


def _named_label(label: int, version: int) -> int:
    return label + version * _LABEL_BIT


def _is_form(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_FORM)


def _name(match: Match) -> Match | None:
    """What a flow's packets are called, without a version; None if it is for all names."""
    if match.mpls_label is not None:
        return _label_name(match.mpls_label)
    return match if _is_form(match.eth_dst) else None


def _label_name(label: int) -> Match:
    return Match(eth_type=ETH_MPLS, mpls_label=label)


def _with_version(match: Match, version: int) -> Match:
    if match.mpls_label is not None:
        return replace(match, mpls_label=_named_label(match.mpls_label, version))
    assert match.eth_dst is not None
    return replace(match, eth_dst=_named_mac(match.eth_dst, version))


def _stamp(name: Match, version: int) -> SetField:
    if name.mpls_label is not None:
        return SetField("mpls_label", _named_label(name.mpls_label, version))
    assert name.eth_dst is not None
    return SetField("eth_dst", _named_mac(name.eth_dst, version))


def _first_way(actions: tuple[Action, ...], groups: Mapping[int, Group]) -> Iterator[Action]:
    """What becomes of packets while nothing has failed; without what the names do not hang on."""
    for action in actions:
        if isinstance(action, ToGroup):
            buckets = groups[action.group].buckets if action.group in groups else ()
            yield from _first_way(buckets[0].actions if buckets else (), groups)
        elif not isinstance(action, ForgetPort | DecrementTtl | DecrementLabelTtl):
            yield action


@dataclass
class _Naming:
    """Gives versions, from each name's last switch backwards."""

    plan: NetworkPlan
    wanted: Rules
    held: Rules
    _versions: dict[tuple[str, Match], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._far: dict[tuple[str, int], str] = {}
        for span in self.plan.spans:
            self._far[span.a.switch, span.a.number] = span.b.switch
            self._far[span.b.switch, span.b.number] = span.a.switch
        # A label has two flows where it ends; both do the same with it.
        self._flows: dict[tuple[str, Match], list[Flow]] = {}
        for switch, rules in self.wanted.items():
            for flow in rules.flows.values():
                name = _name(flow.key.match)
                if name is not None:
                    self._flows.setdefault((switch, name), []).append(flow)

    def rules_of(self, switch: str) -> SwitchRules:
        """One switch's rules with names in them."""
        rules, held = self.wanted[switch], self.held.get(switch, SwitchRules())
        writer = _Writer(self, switch, rules, held)
        flows = [writer.flow(flow) for flow in rules.flows.values()]
        flows += self._entries(switch)
        return SwitchRules({flow.key: flow for flow in flows}, writer.groups)

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
        name = _label_name(label)
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
        way = self._wanted_way(switch, self._flows[switch, name][0])
        ports = [action.port for action in way if isinstance(action, Output)]
        return (ports[0] if ports else None), any(isinstance(a, PopLabel) for a in way)

    def _wanted_way(self, switch: str, flow: Flow) -> list[Action]:
        return list(_first_way(flow.actions, self.wanted[switch].groups))

    def _chosen(self, switch: str, name: Match) -> int:
        """The version under which the switch does the right thing already, else an unused one."""
        held = self.held.get(switch)
        if held is None:
            return 0
        flows = self._flows[switch, name]
        taken = []
        for version in _VERSIONS:
            keys = [_named_key(flow.key, version) for flow in flows]
            found = [held.flows.get(key) for key in keys]
            if all(
                has is not None and self._does_so(switch, has, flow, version)
                for has, flow in zip(found, flows, strict=True)
            ):
                return version
            if any(found):
                taken.append(version)
        unused = [version for version in _VERSIONS if version not in taken]
        # Both are taken only after an update that was left half done, by another controller.
        return unused[0] if unused else 1 - _entry_version(held, name)

    def _does_so(self, switch: str, has: Flow, flow: Flow, version: int) -> bool:
        way = self._wanted_way(switch, flow)
        onward = self._next(switch, name) if (name := _name(flow.key.match)) else None
        if name is not None and onward is not None:
            ahead = self.version(onward, name)
            if ahead != version:
                way = [_stamp(name, ahead), *way]
        return list(_first_way(has.actions, self.held[switch].groups)) == way

    def _entries(self, switch: str) -> Iterator[Flow]:
        """Hosts' packets get version 0 of their form, or what is said for their destination."""
        match = Match(eth_type=ETH_IPV4, eth_dst=GATEWAY_MAC)
        key = FlowKey(Table.LABELS, _ENTRY, match)
        yield Flow(key, (_stamp(match, 0),), Table.ADDRESSES)
        for (at, name), flows in self._flows.items():
            if at != switch or name.eth_dst != GATEWAY_MAC or not flows:
                continue
            if self.version(switch, name):
                key = FlowKey(Table.LABELS, _ENTRY_OF_ONE, name)
                yield Flow(key, (_stamp(name, 1),), Table.ADDRESSES)


def _named_key(key: FlowKey, version: int) -> FlowKey:
    return replace(key, match=_with_version(key.match, version))


def _entry_version(held: SwitchRules, name: Match) -> int:
    flow = held.flows.get(FlowKey(Table.LABELS, _ENTRY_OF_ONE, name))
    return int(flow is not None and flow.actions == (_stamp(name, 1),))


class _Writer:
    """Writes the names into one switch's flows and groups."""

    def __init__(self, naming: _Naming, switch: str, rules: SwitchRules, held: SwitchRules) -> None:
        self.groups: dict[int, Group] = {}
        self._naming = naming
        self._switch = switch
        self._rules = rules
        self._held = held

    def flow(self, flow: Flow) -> Flow:
        name = _name(flow.key.match)
        if name is None:
            return flow
        version = self._naming.version(self._switch, name)
        actions: list[Action] = []
        for action in flow.actions:
            if isinstance(action, ToGroup):
                group = self._rules.groups[action.group]
                actions.append(ToGroup(self._group(group, name, version)))
            else:
                actions.append(action)
        named = tuple(actions)
        if any(isinstance(action, Output) for action in named):
            named = self._renamed(named, name, version)
        return replace(flow, key=_named_key(flow.key, version), actions=named)

    def _group(self, group: Group, name: Match, version: int) -> int:
        buckets = tuple(
            replace(bucket, actions=self._renamed(bucket.actions, name, version))
            for bucket in group.buckets
        )
        return self._numbered(replace(group, buckets=buckets))

    def _renamed(
        self, actions: tuple[Action, ...], name: Match, version: int
    ) -> tuple[Action, ...]:
        """The actions of one way, with the names under which the others know the packet."""
        way = list(_first_way(actions, self._rules.groups))
        port = next((action.port for action in way if isinstance(action, Output)), None)
        far = self._naming.far(self._switch, port)
        if far is None or any(isinstance(action, PopLabel) for action in way):
            return actions  # to a host, or named by whoever pushed the label above it
        labels = [int(a.value) for a in way if isinstance(a, SetField) and a.name == "mpls_label"]
        forms = [str(a.value) for a in way if isinstance(a, SetField) and _is_form(a.value)]
        names: list[int] = []
        at: str | None = far
        for label in reversed(labels):
            names.insert(0, _named_label(label, self._naming.version(at, _label_name(label))))
            at = self._naming.below_label(at, label)
        inner = replace(name, eth_dst=forms[-1]) if forms else name
        ahead = self._naming.version(at, inner)
        written = tuple(self._written(actions, iter(names), _stamp(inner, ahead)))
        if not forms and ahead != version:
            written = (_stamp(inner, ahead), *written)
        return written

    def _written(
        self, actions: tuple[Action, ...], labels: Iterator[int], stamp: SetField
    ) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, SetField) and action.name == "mpls_label":
                yield SetField("mpls_label", next(labels))
            elif isinstance(action, SetField) and _is_form(action.value):
                yield stamp
            elif isinstance(action, ToGroup):
                inner = self._rules.groups[action.group]
                buckets = tuple(
                    Bucket(tuple(self._written(b.actions, labels, stamp)), b.watch_port)
                    for b in inner.buckets
                )
                yield ToGroup(self._numbered(replace(inner, buckets=buckets)))
            else:
                yield action

    def _numbered(self, group: Group) -> int:
        """A number that no other content has, here or on the switch, in the group's own block."""
        content = repr((group.kind, group.buckets)).encode()
        low = int.from_bytes(hashlib.blake2b(content, digest_size=4).digest())
        block = group.number >> _HASH_BITS << _HASH_BITS
        while True:
            number = block | low % (1 << _HASH_BITS)
            numbered = replace(group, number=number)
            known = self.groups.get(number) or self._held.groups.get(number) or numbered
            if known == numbered:
                self.groups[number] = numbered
                return number
            low += 1
