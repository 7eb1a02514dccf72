"""Writing the names into one switch's flows and groups (see `names`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class _Way:
    """What a way's names hang on.

    far: the switch that the packet goes to. labels: pushed, the outermost first. form: the form
    that it gets, if any.
    """

    far: str
    labels: tuple[int, ...]
    form: str | None


class Renamer:
    """Writes the names into one switch's flows and groups.

    groups: those that have been written, by number.
    """

    def __init__(self, versions: Versions, switch: str) -> None:
        self.groups: dict[int, Group] = {}
        self._versions = versions
        self._switch = switch
        self._rules = self._held = SwitchRules()
        self._ways: dict[tuple[Action, ...], _Way | None] = {}
        self._numbers: dict[tuple[int, ...], int] = {}

    def aim(self, rules: SwitchRules, held: SwitchRules) -> None:
        """Write these rules from now on. held: what the switch has."""
        old, new = self._rules.groups, rules.groups
        if any(old.get(number, group) != group for number, group in new.items()):
            self._ways.clear()
            self._numbers.clear()
        self._rules, self._held = rules, held

    def flow(self, flow: Flow) -> Flow:
        """The flow with names in it; the groups that it needs are in `groups` then."""
        name = name_of(flow.key.match)
        if name is None:
            return flow
        version = self._versions.version(self._switch, name)
        actions = flow.actions
        if actions and isinstance(actions[-1], ToGroup):
            group = self._rules.groups[actions[-1].group]
            actions = (*actions[:-1], ToGroup(self._group(group, name, version)))
        elif actions and isinstance(actions[-1], Output):
            found = self._found(actions, name)
            if found is not None:
                actions = self._renamed(actions, *found, version)
        return Flow(named_key(flow.key, version), actions, flow.goto)

    def _group(self, group: Group, name: Match, version: int) -> int:
        """The number of a group with names; one for all flows that need the same."""
        found = [self._found(bucket.actions, name) for bucket in group.buckets]
        asked = (number for seen in found if seen is not None for number in seen[1])
        key = (group.number, version, *asked)
        number = self._numbers.get(key)
        if number is None or number not in self.groups:
            buckets = tuple(
                bucket
                if seen is None
                else Bucket(self._renamed(bucket.actions, *seen, version), bucket.watch_port)
                for bucket, seen in zip(group.buckets, found, strict=True)
            )
            number = self._numbers[key] = self._numbered(replace(group, buckets=buckets))
        return number

    def _found(
        self, actions: tuple[Action, ...], name: Match
    ) -> tuple[Match, tuple[int, ...]] | None:
        """The last name that packets get on a way, and the versions of it and of all labels.

        None if they go to a host, or are named by whoever pushed the label above.
        """
        if actions not in self._ways:
            self._ways[actions] = self._way(actions)
        way = self._ways[actions]
        if way is None:
            return None
        found: list[int] = []
        at: str | None = way.far
        for label in reversed(way.labels):
            found.append(self._versions.version(at, label_name(label)))
            at = self._versions.below_label(at, label)
        inner = name if way.form is None else replace(name, eth_dst=way.form)
        return inner, (*found, self._versions.version(at, inner))

    def _way(self, actions: tuple[Action, ...]) -> _Way | None:
        way = list(first_way(actions, self._rules.groups))
        port = next((action.port for action in way if isinstance(action, Output)), None)
        far = self._versions.far(self._switch, port)
        if far is None or any(isinstance(action, PopLabel) for action in way):
            return None
        labels = [int(a.value) for a in way if isinstance(a, SetField) and a.name == "mpls_label"]
        forms = [str(a.value) for a in way if isinstance(a, SetField) and is_form(a.value)]
        return _Way(far, tuple(labels), forms[-1] if forms else None)

    def _renamed(
        self, actions: tuple[Action, ...], inner: Match, versions: tuple[int, ...], own: int
    ) -> tuple[Action, ...]:
        """The actions of one way, with the names under which the others know the packet."""
        way = self._ways[actions]
        assert way is not None
        *of_labels, ahead = versions
        labels = [named_label(*pair) for pair in zip(reversed(way.labels), of_labels, strict=True)]
        written = tuple(self._written(actions, reversed(labels), stamp(inner, ahead)))
        if way.form is None and ahead != own:
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
