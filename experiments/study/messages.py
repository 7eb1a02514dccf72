"""Where a problem of a grid's point stands: on an axis of the study, or in the scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.study.grid import Axis, GridPoint, Placed
from topologies.files import Document
from topologies.problems import InputError, Location, Problem


@dataclass(frozen=True, slots=True)
class PointDocument(Document):
    """A scenario's data at a point, which knows what came from which file."""

    study: Document
    scenario: Document
    point: GridPoint
    has_policies: bool
    """Whether the policies are an axis of the study."""

    def locate(self, location: Location) -> str:
        """The axis' value, where one was put there; else the place in the scenario."""
        if self.has_policies and location[:1] == ("policies",):
            return self.study.locate(("grid", *location))
        for one in self.point.placed:
            if location[: len(one.location)] == one.location:
                return self.study.locate(_on_axis(one))
        inside = self.study.name == self.scenario.name
        return (
            self.study.locate(("scenario", *location)) if inside else self.scenario.locate(location)
        )


def _on_axis(placed: Placed) -> Location:
    whole: Location = ("grid", placed.axis.name)
    return whole if placed.index is None else (*whole, placed.index)


class PointProblems:
    """Collects the problems of all points, each told once."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._axes = axes
        self._found: dict[Problem, GridPoint] = {}
        self._whole: dict[tuple[str, str], set[str]] = {}
        self._axis_places: dict[str, str] = {}

    def add(self, point: GridPoint, document: PointDocument, problems: Iterable[Problem]) -> None:
        """What is wrong with one point."""
        places = {document.study.locate(_on_axis(one)): one for one in point.placed}
        for problem in problems:
            self._found.setdefault(problem, point)
            one = places.get(problem.place)
            if one is not None:
                whole = document.study.locate(("grid", one.axis.name))
                self._axis_places[problem.place] = whole
                self._whole.setdefault((whole, problem.message), set()).add(problem.place)

    def raise_any(self) -> None:
        """Raise InputError if there was a problem."""
        told = [self._told(problem, point) for problem, point in self._found.items()]
        if told:
            raise InputError(told)

    def _told(self, problem: Problem, point: GridPoint) -> Problem:
        whole = self._axis_places.get(problem.place)
        if whole is None and ": grid." in problem.place:
            return problem  # the policies, which no point has of its own
        if whole is None:
            at = ", ".join(f"{name} = {value}" for name, value in point.label)
            return Problem(
                problem.place, f"{problem.message} (first at {at})" if at else problem.message
            )
        if len(self._whole[whole, problem.message]) > 1:
            return Problem(whole, problem.message)  # the axis itself is wrong, not a value
        return problem
