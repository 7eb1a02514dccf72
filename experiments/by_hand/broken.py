"""What is broken by hand: begun at a word, mended at another, confirmed by observation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from experiments.by_hand.words import as_record
from experiments.faults import KINDS
from experiments.faults.kind import Effect, FaultError, FaultFields, Occasion, Scene
from traffic.clock import NS_PER_S, now_ns


class Refused(Exception):
    """What was asked for by hand cannot be done; nothing has changed."""


@dataclass(slots=True)
class Standing:
    """A fault that was begun by hand and is not over."""

    number: int
    fault: FaultFields
    name: str
    """What was broken: a span, a conduit, a site, a switch, or the kind of fault."""
    began_ns: int
    coming: Iterator[Effect]
    upcoming: Effect | None = None
    active: list[Effect] = field(default_factory=list)
    parts: frozenset[str] = frozenset()
    """What it has broken now, and keeps others from breaking."""

    def due_ns(self) -> int | None:
        """When it does something next by itself."""
        times_s = [effect.until_s for effect in self.active if effect.until_s is not None]
        times_s += [self.upcoming.at_s] if self.upcoming else []
        return self.began_ns + round(min(times_s) * NS_PER_S) if times_s else None


class Broken:
    """Everything that is broken by hand in a running network.

    Not for several threads. A step that is due by itself (the end of a fault with a duration,
    the next flap) happens when `catch_up` is called.
    """

    def __init__(self, scene: Scene, seed: int = 1) -> None:
        """seed: of the faults' own random choices."""
        self._scene = scene
        self._seed = seed
        self._standing: dict[int, Standing] = {}
        self._begun = 0
        self.others: frozenset[str] = frozenset()
        """What is broken by others now, and is left to them."""
        self.steps: list[dict[str, Any]] = []
        """All that was done, as a trial's events tell it."""
        self._remarks: list[str] = []

    @property
    def standing(self) -> tuple[Standing, ...]:
        """The faults that are not over, in the order in which they began."""
        return tuple(self._standing.values())

    def begin(self, fault: FaultFields) -> Standing:
        """Break something now.

        Raises Refused if it is broken already, FaultError if the kernel refuses.
        """
        occasion = Occasion(self._scene.plan, math.inf, self._seed * 1000 + self._begun)
        coming = KINDS[fault.kind].effects(fault, occasion)
        first = next(coming, None)
        if first is None:
            raise Refused(f"{fault.kind}: nothing happens in that time")
        parts = first.everything
        if taken := parts & self._parts():
            raise Refused(self._taken(taken))
        self._begun += 1
        one = Standing(self._begun, fault, _name(fault), now_ns(), coming, first)
        self._standing[one.number] = one
        try:
            self.catch_up()
        except FaultError:
            self._standing.pop(one.number, None)
            raise
        return one

    def take_remarks(self) -> list[str]:
        """What has been found since the last call: faults that had no effect."""
        taken, self._remarks = self._remarks, []
        return taken

    def mend(self, name: str) -> list[Standing]:
        """Mend what was broken by hand: by its name, its number, or `all`.

        Returns what was mended. Raises Refused if nothing of that name is broken.
        """
        chosen = [one for one in self.standing if name in ("all", one.name, str(one.number))]
        if not chosen:
            listed = ", ".join(one.name for one in self.standing) or "nothing"
            raise Refused(f"{name!r} is not broken by hand; broken by hand: {listed}")
        for one in chosen:
            self._end(one)
        return chosen

    def make_room(self, parts: frozenset[str]) -> list[Standing]:
        """Mend what is in the way of a fault of the scenario's that begins now."""
        in_the_way = [one for one in self.standing if one.parts & parts]
        for one in in_the_way:
            self._end(one)
        return in_the_way

    def due_ns(self) -> int | None:
        """When something happens next by itself (CLOCK_MONOTONIC)."""
        return min(
            (due for one in self.standing if (due := one.due_ns()) is not None), default=None
        )

    def catch_up(self) -> None:
        """Do what is due. Raises FaultError if the kernel refuses a step."""
        while (due_ns := self.due_ns()) is not None and due_ns <= now_ns():
            one = next(one for one in self.standing if one.due_ns() == due_ns)
            self._step(one)

    def _step(self, one: Standing) -> None:
        ending = min(
            (effect for effect in one.active if effect.until_s is not None),
            key=lambda effect: effect.until_s or 0.0,
            default=None,
        )
        coming = one.upcoming
        if ending is not None and (coming is None or (ending.until_s or 0.0) <= coming.at_s):
            one.active.remove(ending)
            self._undo(one, ending)
        elif coming is not None:
            one.upcoming = next(one.coming, None)
            # What a random process hits and is broken already is left out, as in a scenario.
            if not coming.everything & (self._parts() - one.parts):
                self._take(one, coming, begins=True)
                one.active.append(coming)
        one.parts = frozenset().union(*(effect.everything for effect in one.active))
        if not one.active and one.upcoming is None:
            self._standing.pop(one.number, None)

    def _end(self, one: Standing) -> None:
        for effect in reversed(one.active):
            self._undo(one, effect)
        self._standing.pop(one.number, None)

    def _undo(self, one: Standing, effect: Effect) -> None:
        try:
            effect.confirm(self._scene)
        except FaultError as error:
            self._remarks.append(f"{one.name}: {error}")
        self._take(one, effect, begins=False)

    def _take(self, one: Standing, effect: Effect, *, begins: bool) -> None:
        before_ns = now_ns()
        (effect.act if begins else effect.undo)(self._scene)
        self.steps.append(
            {
                "step": effect.names[0 if begins else 1],
                "begins": begins,
                "by_hand": one.number,
                "fault": as_record(one.fault),
                "spans": list(effect.spans),
                "t_ns": before_ns,
                "done_ns": now_ns(),
            }
        )

    def _parts(self) -> frozenset[str]:
        return self.others.union(*(one.parts for one in self.standing))

    def _taken(self, taken: frozenset[str]) -> str:
        by = [one for one in self.standing if one.parts & taken]
        what = min(taken)
        if by:
            return (
                f"{what} is broken already, by fault {by[0].number} ({by[0].name}); mend it first"
            )
        return f"{what} is broken already, by a fault of the scenario"


def _name(fault: FaultFields) -> str:
    record = as_record(fault)
    for name in ("span", "conduit", "site", "switch"):
        if name in record:
            return str(record[name])
    return "controller" if fault.kind == "controller-down" else fault.kind
