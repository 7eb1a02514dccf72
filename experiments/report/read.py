"""A run folder as the report reads it. Whatever is missing or strange is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.evaluate import measured
from experiments.events import read_events
from experiments.measurements.runs import FinishedTrial, open_run
from experiments.scenario import Scenario
from experiments.trial_job import Job, TrialResult
from experiments.workloads.kind import Measured
from topologies.problems import InputError, Problem
from topologies.spec import Topology

TOPOLOGY_FILE = "topology.json"
_MISSING = "the run is incomplete, or from another version of Fibercut; run its scenario again"


@dataclass(frozen=True, slots=True)
class TrialData:
    """A measured trial as the report draws it.

    label: what its policy is called on the page. figures: the summary's. events: all of the
    trial, its faults among them.
    """

    label: str
    policy: str
    seed: int
    scenario: Scenario
    figures: Mapping[str, Any]
    measured: Measured
    events: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class RunData:
    """A run: its summary, its network (None where an older run did not keep it), its trials."""

    path: Path
    summary: Mapping[str, Any]
    topology: Topology | None
    scenario_text: str
    trials: tuple[TrialData, ...]


def read_runs(paths: Sequence[Path]) -> list[RunData]:
    """Read several; raises InputError with what is wrong with any of them."""
    found: list[RunData] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            found.append(read_run(path))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def read_run(path: Path) -> RunData:
    """Read a run's folder; samples stay where they are. Raises InputError."""
    run = open_run(path)
    problems: list[Problem] = []
    trials = list(_trials(run.summary, run.trials, problems))
    topology = _topology(path, problems)
    if problems:
        raise InputError(problems)
    text = path / "scenario.yaml"
    given = text.read_text(encoding="utf-8") if text.exists() else ""
    return RunData(path.resolve(), run.summary, topology, given, tuple(trials))


@contextmanager
def damage_told(runs: Sequence[RunData]) -> Iterator[None]:
    """Samples that cannot be read are bad input. Raises InputError."""
    try:
        yield
    except (OSError, ValueError) as error:
        where = ", ".join(str(run.path) for run in runs)
        message = f"its measurements cannot be read: {_short(error)}; {_MISSING}"
        raise InputError([Problem(where, message)]) from None


def told_trials(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a summary tells of each trial: its policy, seed, status and figures."""
    if "trials" in summary:
        return list(summary["trials"])
    seed = summary["seed"]
    return [{"policy": name, "seed": seed, **of} for name, of in summary["policies"].items()]


def _topology(path: Path, problems: list[Problem]) -> Topology | None:
    file = path / TOPOLOGY_FILE
    if not file.exists():
        return None
    try:
        return Topology.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(Problem(str(file), f"cannot be read: {_short(error)}; {_MISSING}"))
        return None


def _trials(
    summary: Mapping[str, Any], trials: tuple[FinishedTrial, ...], problems: list[Problem]
) -> Iterator[TrialData]:
    """The trials that measured something, in the summary's order."""
    for told, trial in zip(told_trials(summary), trials, strict=True):
        try:
            if told["digest"] is not None:
                yield _trial(trial, told)
        except (OSError, ValueError, KeyError) as error:
            path = str(trial.folder.path)
            problems.append(Problem(path, f"cannot be read: {_short(error)}; {_MISSING}"))


def _trial(trial: FinishedTrial, figures: Mapping[str, Any]) -> TrialData:
    folder = trial.folder
    job = Job.model_validate(folder.read_json("job.json"))
    result = TrialResult.model_validate(folder.read_json("trial.json"))
    if not folder.samples.is_dir():
        raise ValueError("its samples are missing")
    found = measured(folder, job, result)
    events = tuple(read_events(folder.events))
    return TrialData(job.policy, job.policy, job.seed, job.scenario, figures, found, events)


def _short(error: Exception) -> str:
    match error:
        case ValidationError():
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            return f"{place}: {first['msg']}" if place else str(first["msg"])
        case FileNotFoundError():
            return f"{Path(error.filename).name} is missing"
        case KeyError():
            return f"it has no {error}"
    return str(error).partition("\n")[0]
