"""Read a study: every point of its grid is checked before anything runs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.scenario import Clock, Scenario
from experiments.scenario_load import LoadedScenario, check_scenario, find_scenario
from experiments.study.grid import (
    EVERYTHING,
    Axis,
    CannotBePlaced,
    GridPoint,
    count,
    path_steps,
    points,
)
from experiments.study.messages import PointDocument, PointProblems
from experiments.study.spec import Study
from topologies.files import Document, plain, read_document
from topologies.load import load_topology
from topologies.problems import (
    InputError,
    Problem,
    from_validation,
    shown,
    suggestion,
    validated,
)
from topologies.spec import Topology

SHIPPED = Path(__file__).parent.parent / "studies"
POLICIES_AXIS = "policies"
_MOST_SEED = 2**63 - 1
_DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class LoadedPoint:
    """One checked point: a trial of each policy with each seed follows from it."""

    point: GridPoint
    loaded: LoadedScenario


@dataclass(frozen=True, slots=True)
class LoadedStudy:
    """A study whose own fields are right; its points are checked by `checked_points`.

    topology: the scenario's, unless `topology` is an axis.
    """

    path: Path
    text: str
    document: Document
    study: Study
    scenario: Document
    scenario_path: Path
    axes: tuple[Axis, ...]
    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    topologies: Callable[..., Topology]

    def trial_count(self) -> int:
        """How many trials there are."""
        total = sum(count(axes, topology) for axes, topology in self._by_topology())
        return total * len(self.policies) * len(self.seeds)

    def checked_points(self) -> list[LoadedPoint]:
        """All points. Raises InputError with every problem of every point."""
        found: list[LoadedPoint] = []
        problems = PointProblems(self.axes)
        for axes, topology in self._by_topology():
            try:
                for point in points(self._data(), axes, topology):
                    self._check(point, found, problems)
            except CannotBePlaced as error:
                place = self.document.locate(("grid", error.axis.name))
                raise InputError([Problem(place, str(error))]) from None
        problems.raise_any()
        return found

    def _check(self, point: GridPoint, found: list[LoadedPoint], problems: PointProblems) -> None:
        document = PointDocument(
            self.scenario.name,
            point.data,
            self.document,
            self.scenario,
            point,
            "policies" in self.study.grid,
        )
        try:
            loaded = check_scenario(document, self.scenario_path, self.topologies)
        except InputError as error:
            problems.add(point, document, error.problems)
        else:
            found.append(LoadedPoint(point, loaded))

    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = plain(self.scenario.data)
        return data | {"policies": list(self.policies), "trials": 1, "seed": self.seeds[0]}

    def _by_topology(self) -> Iterator[tuple[tuple[Axis, ...], Topology | None]]:
        """The axes with each topology in turn, where an axis asks for all of its spans."""
        if not any(isinstance(axis.values, str) for axis in self.axes):
            yield self.axes, None
            return
        own = next((axis for axis in self.axes if axis.steps == ("topology",)), None)
        names = own.values if own else [self.scenario.data.get("topology")]
        for name in names:
            topology = self.topologies(str(name), base=self.scenario_path.parent)
            narrowed = (
                Axis(axis.name, axis.steps, [name]) if axis is own else axis for axis in self.axes
            )
            yield tuple(narrowed), topology


def shipped_studies() -> dict[str, Path]:
    """The studies that come with Fibercut, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def load_study(name: str) -> LoadedStudy:
    """Read a study by a shipped one's name or a file's path.

    Raises InputError with all problems of its own fields; see also LoadedStudy.checked_points.
    """
    path = _find(name)
    return check_study(read_document(path), path, path.read_text(encoding="utf-8"))


def check_study(document: Document, path: Path, text: str) -> LoadedStudy:
    """Check one document as a study; `path` is what its scenario is relative to.

    text: what was given, for the results' folder. Raises InputError.
    """
    data = plain(document.data)
    try:
        study = validated(Study, data)
    except ValidationError as error:
        raise InputError(from_validation(error, Study, data, document.locate)) from None
    problems: list[Problem] = []
    axes = tuple(_axes(study.grid, document, problems))
    seeds = _seeds(study.seeds, document, problems)
    scenario, scenario_path = _scenario(study.scenario, path, document, problems)
    if problems or scenario is None:
        raise InputError(problems)
    policies = _policies(study, scenario)
    first = scenario.data.get("seed", _DEFAULT_SEED)
    if isinstance(study.seeds, int) and isinstance(first, int):
        seeds = tuple(range(first, first + study.seeds))
    return LoadedStudy(
        path,
        text,
        document,
        study,
        scenario,
        scenario_path,
        axes,
        policies,
        seeds,
        functools.cache(load_topology),
    )


def require_virtual(checked: Sequence[LoadedPoint], loaded: LoadedStudy) -> None:
    """Raise InputError if a point asks for the clock `real`."""
    if any(one.loaded.scenario.clock is Clock.REAL for one in checked):
        message = "a study needs the clock virtual: side by side, real networks disturb each other"
        raise InputError([Problem(loaded.scenario.locate(("clock",)), message)])


def _find(name: str) -> Path:
    shipped = shipped_studies()
    path = Path(name)
    if name in shipped:
        return shipped[name]
    if path.exists() or path.suffix in (".yaml", ".yml", ".json"):
        return path
    near = suggestion(name, list(shipped))
    message = f"no such study{near}; shipped are {', '.join(shipped)}; or give a .yaml file"
    raise InputError([Problem(name, message)])


def _scenario(
    given: Any, path: Path, document: Document, problems: list[Problem]
) -> tuple[Document | None, Path]:
    if isinstance(given, Mapping):
        return Document(document.name, document.data["scenario"]), path
    place = document.locate(("scenario",))
    if not isinstance(given, str):
        allowed = "a scenario's name, a file, or the fields of a scenario"
        problems.append(Problem(place, f"must be {allowed}, not {shown(given)}"))
        return None, path
    try:
        beside = path.parent / given
        found = beside if beside.is_file() else find_scenario(given)
        return read_document(found), found
    except InputError as error:
        problems += [Problem(place, str(problem)) for problem in error.problems]
        return None, path


def _axes(grid: Mapping[str, Any], document: Document, problems: list[Problem]) -> Iterator[Axis]:
    for name, values in grid.items():
        place = document.locate(("grid", name))
        if name in ("seed", "trials"):
            problems.append(Problem(place, "seeds are no axis; write `seeds: N` or a list of them"))
            continue
        if isinstance(values, str) and values not in EVERYTHING:
            known = ", ".join(EVERYTHING)
            near = suggestion(values, list(EVERYTHING))
            problems.append(
                Problem(
                    place, f"must be a list of values or one of {known}, not {shown(values)}{near}"
                )
            )
            continue
        if not isinstance(values, str) and (not isinstance(values, list) or not values):
            problems.append(Problem(place, f"must be a list of values, not {shown(values)}"))
            continue
        for index, value in enumerate(values if isinstance(values, list) else []):
            if value in values[:index]:
                here = document.locate(("grid", name, index))
                problems.append(Problem(here, f"{shown(value)} stands here twice"))
        if name == POLICIES_AXIS:
            continue
        try:
            yield Axis(name, path_steps(name), values)
        except ValueError as error:
            problems.append(Problem(place, str(error)))


def _policies(study: Study, scenario: Document) -> tuple[str, ...]:
    """By the grid, else the scenario's; whether they exist is checked with the points."""
    given = study.grid.get(POLICIES_AXIS, scenario.data.get("policies"))
    if given is None:
        return tuple(Scenario.model_fields["policies"].default)
    return tuple(plain(given))


def _seeds(given: Any, document: Document, problems: list[Problem]) -> tuple[int, ...]:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return ()
    if isinstance(given, list) and given and all(_is_seed(one) for one in given):
        if len(set(given)) < len(given):
            place = document.locate(("seeds",))
            problems.append(Problem(place, "a seed stands here twice; the trials would be equal"))
        return tuple(given)
    allowed = "a number of seeds (at least 1), or a list of seeds (0 to 2^63 - 1)"
    problems.append(Problem(document.locate(("seeds",)), f"must be {allowed}, not {shown(given)}"))
    return ()


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_SEED
