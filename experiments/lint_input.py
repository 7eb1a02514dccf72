"""What `fibercut lint` is given: a topology or a scenario, with the place of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.scenario_load import LoadedScenario, check_scenario, shipped_scenarios
from topologies.files import Document, read_document
from topologies.load import CATALOGUE, load_topology
from topologies.problems import InputError, Locate, Location, dotted
from topologies.spec import Topology

_FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class LintInput:
    """A topology, how to word the place of a part of it, and the scenario if it came from one."""

    topology: Topology
    locate: Locate
    scenario: LoadedScenario | None = None


def read_lint_input(name: str) -> LintInput:
    """A scenario's or topology's file or name. Raises InputError with every problem of it."""
    path = shipped_scenarios().get(name, Path(name))
    if path.suffix not in _FILES:
        return _topology(name, None)
    document = read_document(path)
    if not _is_scenario(document.data):
        return LintInput(load_topology(name), document.locate)
    loaded = check_scenario(document, path)
    inner = _topology(loaded.scenario.topology, path.parent)
    return LintInput(inner.topology, inner.locate, loaded)


def _is_scenario(data: Mapping[str, object]) -> bool:
    return "sites" not in data and ("topology" in data or "workloads" in data)


def _topology(name: str, base: Path | None) -> LintInput:
    topology = load_topology(name, base)
    document = _document(name, base)
    if document is not None:
        return LintInput(topology, document.locate)

    def locate(location: Location) -> str:
        return f"{name}: {dotted(location)}"

    return LintInput(topology, locate)


def _document(name: str, base: Path | None) -> Document | None:
    """The file behind a topology's name, if it is one of our own format."""
    for path in (CATALOGUE / f"{name}.yaml", (base or Path()) / name):
        if path.suffix in _FILES and path.is_file():
            try:
                return read_document(path)
            except InputError:
                return None
    return None
