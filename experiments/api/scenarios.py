"""Scenarios in code: shipped ones, files, or mappings, with some of their fields changed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from experiments.scenario_load import (
    LoadedScenario,
    check_scenario,
    find_scenario,
    shipped_scenarios,
)
from experiments.study.grid import Axis, CannotBePlaced, path_steps, with_value
from experiments.study.load import shipped_studies
from topologies.files import Document, plain, read_document
from topologies.load import catalogue_names, load_topology
from topologies.problems import InputError, Problem
from topologies.spec import Topology

Given = str | Path | Mapping[str, Any]
"""A shipped one's name, a file, or the fields themselves."""
_IN_CODE = "scenario"


def scenario(
    given: Given | LoadedScenario,
    changes: Mapping[str, Any] | None = None,
    *,
    topology: Topology | None = None,
    base: Path | str = ".",
) -> LoadedScenario:
    """A checked scenario, as `run` takes it.

    given: a shipped scenario's name, a YAML or JSON file, a mapping of the fields of
        docs/reference/scenario.md, or what this function gave.
    changes: by path, such as `{"bfd.interval_ms": 1, "workloads[chat].rate_rps": 50}`, what the
        fields become.
    topology: instead of the one that the scenario names.
    base: the folder that a mapping's files (topology, traces) are relative to.

    Raises InputError with every problem.
    """
    name, path, data = _content(given, Path(base))
    if topology is not None:
        data = {**data, "topology": topology.name}
    elif isinstance(given, LoadedScenario) and "topology" not in (changes or {}):
        topology = given.topology
    for place, value in (changes or {}).items():
        data = _changed(data, place, value)
    as_given = not changes and topology is None and path.is_file()
    load = (lambda _name, **_options: topology) if topology is not None else load_topology
    loaded = check_scenario(Document(name, data), path, load)
    return loaded if as_given else replace(loaded, text=as_yaml(data))


def topology_of(given: str | Path) -> Topology:
    """A topology by its catalogue name, formula, TopoHub key or file. Raises InputError."""
    return load_topology(str(given), base=Path())


def validate(given: Given, **options: Any) -> tuple[Problem, ...]:
    """Everything that is wrong with a scenario; empty if nothing is. Options as of `scenario`."""
    try:
        scenario(given, **options)
    except InputError as error:
        return error.problems
    return ()


def shipped() -> dict[str, Sequence[str]]:
    """The names of what comes with Fibercut: scenarios, studies, topologies."""
    return {
        "scenarios": list(shipped_scenarios()),
        "studies": list(shipped_studies()),
        "topologies": list(catalogue_names()),
    }


def _content(given: Given | LoadedScenario, base: Path) -> tuple[str, Path, dict[str, Any]]:
    """What to call it in messages, its path, and its fields."""
    if isinstance(given, LoadedScenario):
        fields = given.scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return given.path.name, given.path, fields
    if isinstance(given, Mapping):
        return _IN_CODE, base / _IN_CODE, plain(given)
    path = find_scenario(str(given))
    return str(path), path, plain(read_document(path).data)


def _changed(data: Mapping[str, Any], place: str, value: Any) -> dict[str, Any]:
    try:
        axis = Axis(place, path_steps(place), [value])
        return dict(with_value(axis, data, plain(value))[1])
    except (ValueError, CannotBePlaced) as error:
        raise InputError([Problem(f"changes: {place}", str(error))]) from None


def as_yaml(data: Mapping[str, Any]) -> str:
    """A mapping as a YAML file."""
    text = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(dict(data), text)
    return text.getvalue()
