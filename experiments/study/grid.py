"""The points of a grid over a scenario's fields. Pure: data in, data out."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topologies.problems import Location
from topologies.spec import Topology

_STEP = re.compile(r"(?:^|\.)(?P<field>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<item>[A-Za-z0-9_-]+)\]")

# A text in place of a list of values.
EVERYTHING = {
    "all-spans": lambda topology: [span.id for span in topology.spans],
    "all-conduits": lambda topology: sorted({c for s in topology.spans for c in s.conduits}),
    "all-sites": lambda topology: [site.id for site in topology.sites],
}


@dataclass(frozen=True, slots=True)
class Axis:
    """A field of the scenario and the values that it takes.

    steps: the path's parts; a number or a name in brackets picks an item of a list.
    values: a list, or a name of EVERYTHING.
    """

    name: str
    steps: Location
    values: Sequence[Any] | str


@dataclass(frozen=True, slots=True)
class Placed:
    """One axis' value at a point: where it stands in the scenario, and its place on the axis.

    index: None for one of EVERYTHING.
    """

    axis: Axis
    location: Location
    index: int | None
    value: Any


@dataclass(frozen=True, slots=True)
class GridPoint:
    """A scenario's data with one value of each axis put into it."""

    placed: tuple[Placed, ...]
    data: Mapping[str, Any]

    @property
    def label(self) -> tuple[tuple[str, Any], ...]:
        """Each axis with its value; a list or mapping as JSON."""
        return tuple((one.axis.name, _scalar(one.value)) for one in self.placed)


class CannotBePlaced(Exception):
    """A path leads nowhere in the scenario; `axis` is the one."""

    def __init__(self, axis: Axis, message: str) -> None:
        super().__init__(message)
        self.axis = axis


def path_steps(path: str) -> Location:
    """`faults[0].span` as `('faults', 0, 'span')`. Raises ValueError if it is no such path."""
    steps: list[str | int] = []
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        item = match["item"]
        steps.append(
            match["field"] if item is None else int(item) if item.isdigit() else f"[{item}"
        )
    if not steps or end != len(path) or not isinstance(steps[0], str) or steps[0].startswith("["):
        raise ValueError(
            "not a path such as bfd.interval_ms, faults[0].span or workloads[chat].rate"
        )
    return tuple(steps)


def points(
    data: Mapping[str, Any], axes: Sequence[Axis], topology: Topology | None
) -> Iterator[GridPoint]:
    """Every combination of the axes' values, the last axis fastest.

    topology: what `all-spans` and its like are taken from; None if no axis needs it.
    Raises CannotBePlaced.
    """
    if not axes:
        yield GridPoint((), data)
        return
    first, *rest = axes
    for index, value in enumerate(axis_values(first, topology)):
        location, changed = with_value(first, data, value)
        listed = None if isinstance(first.values, str) else index
        here = Placed(first, location, listed, value)
        for point in points(changed, rest, topology):
            yield GridPoint((here, *point.placed), point.data)


def count(axes: Sequence[Axis], topology: Topology | None) -> int:
    """How many points there are."""
    return math.prod(len(axis_values(axis, topology)) for axis in axes)


def axis_values(axis: Axis, topology: Topology | None) -> Sequence[Any]:
    """An axis' values with the names of EVERYTHING written out."""
    if not isinstance(axis.values, str):
        return axis.values
    assert topology is not None  # promised by the caller
    return EVERYTHING[axis.values](topology)


def with_value(
    axis: Axis, data: Mapping[str, Any], value: Any
) -> tuple[Location, Mapping[str, Any]]:
    """A scenario's data with one value put in, and where it stands. Raises CannotBePlaced."""
    changed = copy.deepcopy(data)
    location: list[str | int] = []
    here: Any = changed
    for step in axis.steps[:-1]:
        found = _entered(axis, here, step)
        location.append(found)
        if isinstance(here, dict) and here.get(str(found)) is None:
            here[str(found)] = {}
        here = here[found]
    last = _entered(axis, here, axis.steps[-1])
    here[last] = copy.deepcopy(value)
    return (*location, last), changed


def _entered(axis: Axis, here: Any, step: str | int) -> str | int:
    """The key or number that a step stands for in a mapping or list."""
    if isinstance(here, list):
        return _item(axis, here, step)
    if not isinstance(here, dict) or isinstance(step, int) or step.startswith("["):
        wanted = "a list" if isinstance(step, int) or step.startswith("[") else "fields"
        raise CannotBePlaced(axis, f"the scenario has no {wanted} there")
    return step


def _item(axis: Axis, here: list[Any], step: str | int) -> int:
    if isinstance(step, int):
        if step < len(here):
            return step
        raise CannotBePlaced(axis, f"there is no item {step}: the scenario's list has {len(here)}")
    names = [item.get("name") if isinstance(item, dict) else None for item in here]
    name = step.removeprefix("[")
    if step.startswith("[") and name in names:
        return names.index(name)
    known = ", ".join(str(one) for one in names if one is not None) or "none"
    raise CannotBePlaced(
        axis, f"{name!r} names no item of the scenario's list; write [number] or [name] ({known})"
    )


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value)
