"""Find, read and check scenarios, with every problem of the file told at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from experiments.scenario import Scenario
from experiments.scenario_checks import semantic_problems
from topologies.files import Document, plain, read_document
from topologies.load import load_topology
from topologies.problems import (
    InputError,
    Problem,
    from_validation,
    suggestion,
    validated,
)
from topologies.spec import Topology

SHIPPED = Path(__file__).parent / "scenarios"


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A checked scenario with its topology and the file that it came from."""

    path: Path
    scenario: Scenario
    topology: Topology
    text: str | None = None
    """What was given, where it is no file's content."""


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with Fibercut, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def find_scenario(name: str) -> Path:
    """A shipped scenario's name or a file's path. Raises InputError if it is neither."""
    shipped = shipped_scenarios()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.exists() or path.suffix in (".yaml", ".yml", ".json"):
        return path
    near = suggestion(name, list(shipped))
    message = f"no such scenario{near}; shipped are {', '.join(shipped)}; or give a .yaml file"
    raise InputError([Problem(name, message)])


def load_scenario(name: str) -> LoadedScenario:
    """Read and check the scenario `name`, its topology included.

    Raises InputError with all problems of the scenario file (or of the topology's).
    """
    path = find_scenario(name)
    return check_scenario(read_document(path), path)


def check_scenario(
    document: Document, path: Path, load: Callable[..., Topology] = load_topology
) -> LoadedScenario:
    """Check one document as a scenario; `path` is what its topology is relative to.

    load: as load_topology, for who checks many scenarios with the same topologies.
    """
    data = plain(document.data)
    problems: list[Problem] = []
    scenario = topology = None
    try:
        scenario = validated(Scenario, data)
    except ValidationError as error:
        problems = from_validation(error, Scenario, data, document.locate)
    name = data.get("topology")
    if isinstance(name, str):
        try:
            topology = load(name, base=path.parent)
        except InputError as error:
            here = document.locate(("topology",))
            problems += [
                Problem(f"{here}: {p.place}" if p.place != name else here, p.message)
                for p in error.problems
            ]
    problems += semantic_problems(data, topology, document.locate, path.parent)
    if problems or scenario is None or topology is None:
        raise InputError(problems)
    if scenario.fibre is not None:
        topology = topology.with_fibre(scenario.fibre)
    forbidden = tuple(rule.resolved(topology) for rule in scenario.forbidden)
    scenario = scenario.model_copy(update={"forbidden": forbidden})
    return LoadedScenario(path, scenario, topology)
