"""Writing the names into one switch's flows and groups (see `names`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from controller.names import (
    first_way,
    is_form,
    label_name,
    name_of,
    named_key,
    named_label,
    stamp,
)
from controller.rules import (
    Action,
    Bucket,
    Flow,
    Group,
    Match,
    Output,
    PopLabel,
    SetField,
    SwitchRules,
    ToGroup,
)

_HASH_BITS = 20


class Versions(Protocol):
    """Who knows the versions, and where packets come out."""

    def version(self, switch: str | None, name: Match) -> int:
        """The version of a name at a switch."""

    def far(self, switch: str, port: int | None) -> str | None:
        """The switch at the other end of a port's span, None if it has none."""

    def below_label(self, switch: str | None, label: int) -> str | None:
        """The switch at which packets come out from under a label."""


class Renamer:
    """Writes the names into one switch's flows and groups.

    groups: those that are written already.
    """

    def __init__(
        self,
        versions: Versions,
        switch: str,
        rules: SwitchRules,
        held: SwitchRules,
        groups: Mapping[int, Group],
    ) -> None:
        self.groups = dict(groups)
        self._versions = versions
        self._switch = switch
        self._rules = rules
        self._held = held

    def flow(self, flow: Flow) -> Flow:
        """The flow with names in it; the groups that it needs are in `groups` then."""
        name = name_of(flow.key.match)
        if name is None:
            return flow
        version = self._versions.version(self._switch, name)
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
        return replace(flow, key=named_key(flow.key, version), actions=named)

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
        way = list(first_way(actions, self._rules.groups))
        port = next((action.port for action in way if isinstance(action, Output)), None)
        far = self._versions.far(self._switch, port)
        if far is None or any(isinstance(action, PopLabel) for action in way):
            return actions  # to a host, or named by whoever pushed the label above it
        labels = [int(a.value) for a in way if isinstance(a, SetField) and a.name == "mpls_label"]
        forms = [str(a.value) for a in way if isinstance(a, SetField) and is_form(a.value)]
        names: list[int] = []
        at: str | None = far
        for label in reversed(labels):
            names.insert(0, named_label(label, self._versions.version(at, label_name(label))))
            at = self._versions.below_label(at, label)
        inner = replace(name, eth_dst=forms[-1]) if forms else name
        ahead = self._versions.version(at, inner)
        written = tuple(self._written(actions, iter(names), stamp(inner, ahead)))
        if not forms and ahead != version:
            written = (stamp(inner, ahead), *written)
        return written

    def _written(
        self, actions: tuple[Action, ...], labels: Iterator[int], stamp: SetField
    ) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, SetField) and action.name == "mpls_label":
                yield SetField("mpls_label", next(labels))
            elif isinstance(action, SetField) and is_form(action.value):
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
