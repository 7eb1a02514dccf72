"""From the rules that a switch holds to those that it should hold, without a gap between.

First what is new, the inner groups before those that hand over to them and groups
before flows; then what is no longer wanted, flows before groups and the outer
groups before the inner. At no moment does a rule point to nothing. Barriers
separate the steps: a switch may reorder what stands between two of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.rules import Flow, FlowKey, Group, SwitchRules


@dataclass(frozen=True, slots=True)
class PutGroup:
    """Add the group, or replace the one of its number."""

    group: Group


@dataclass(frozen=True, slots=True)
class PutFlow:
    """Add the flow, or replace the one of its key."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class DeleteFlow:
    """Delete the flow of this key, if it is there."""

    key: FlowKey


@dataclass(frozen=True, slots=True)
class DeleteForeign:
    """A flow in terms that we never use; `entry` is what the switch said of it."""

    entry: object


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """Delete the group, and with it the flows that still point to it."""

    number: int


@dataclass(frozen=True, slots=True)
class Barrier:
    """What follows waits for what came before."""


Change = PutGroup | PutFlow | DeleteFlow | DeleteForeign | DeleteGroup | Barrier


def changes_between(old: SwitchRules, new: SwitchRules) -> tuple[Change, ...]:
    """The changes that lead from one to the other, ending in a barrier; empty if they are equal."""
    if old is new:
        return ()
    dropped = {number: group for number, group in old.groups.items() if number not in new.groups}
    steps: list[list[Change]] = [
        [PutGroup(g) for g in _inner_first(new.groups) if _other(old.groups.get(g.number), g)],
        [PutFlow(flow) for key, flow in new.flows.items() if _other(old.flows.get(key), flow)],
        [DeleteFlow(key) for key in old.flows if key not in new.flows],
        [DeleteGroup(g.number) for g in reversed(list(_inner_first(dropped)))],
    ]
    return tuple(_with_barriers(steps))


@dataclass(frozen=True)
class Stock:
    """What a switch says that it holds; `foreign` are flows in terms that we never use."""

    rules: SwitchRules = field(default_factory=SwitchRules)
    foreign: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A switch's stock against what it should hold, in flows and groups."""

    right: int
    wrong: int
    missing: int
    extra: int


def compared(held: Stock, wanted: SwitchRules) -> Comparison:
    """Count what is right, has other contents, is not there, or should not be."""
    right = wrong = missing = 0
    for has, wants in ((held.rules.flows, wanted.flows), (held.rules.groups, wanted.groups)):
        same, other, none = _counted(dict(has), dict(wants))
        right, wrong, missing = right + same, wrong + other, missing + none
    total = len(held.rules.flows) + len(held.rules.groups) + len(held.foreign)
    return Comparison(right, wrong, missing, extra=total - right - wrong)


def removal(foreign: Iterable[object]) -> tuple[Change, ...]:
    """The changes that take foreign flows off a switch."""
    return tuple(_with_barriers([[DeleteForeign(entry) for entry in foreign]]))


def _other(old: object, new: object) -> bool:
    # Most are the very same; to compare their contents would take long.
    return old is not new and old != new


def _counted(has: dict[Any, Any], wants: dict[Any, Any]) -> tuple[int, int, int]:
    right = sum(has.get(key) == value for key, value in wants.items())
    there = len(has.keys() & wants.keys())
    return right, there - right, len(wants) - there


def _with_barriers(steps: Iterable[Collection[Change]]) -> Iterator[Change]:
    for step in steps:
        if step:
            yield from step
            yield Barrier()


def _inner_first(groups: Mapping[int, Group]) -> Iterator[Group]:
    done: set[int] = set()

    def visit(group: Group) -> Iterator[Group]:
        if group.number in done:
            return
        done.add(group.number)
        for number in group.hands_over_to():
            if number in groups:
                yield from visit(groups[number])
        yield group

    for group in groups.values():
        yield from visit(group)
