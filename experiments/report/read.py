"""A run folder as the report reads it. Whatever is missing or strange is told at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.evaluate import measured
from experiments.run_folder import PARTIAL, SCHEMA_VERSION, TrialFolder, read_jsonl
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


def read_run(path: Path) -> RunData:
    """Read a run's folder; samples stay where they are. Raises InputError."""
    summary = _summary(path)
    problems: list[Problem] = []
    trials = [trial for trial in _trials(path, summary, problems) if trial is not None]
    topology = _topology(path, problems)
    if problems:
        raise InputError(problems)
    text = path / "scenario.yaml"
    given = text.read_text(encoding="utf-8") if text.exists() else ""
    return RunData(path.resolve(), summary, topology, given, tuple(trials))


def _summary(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise _refused(path, "there is no such folder; give a run's, such as runs/latest")
    if path.name.endswith(PARTIAL):
        raise _refused(path, "this run has not ended, or was ended by force; run it again")
    file = path / "summary.json"
    if not file.exists():
        known = "a study's folder" if (path / "table.json").exists() else "no run folder"
        raise _refused(
            path, f"this is {known} (no summary.json); give a run's, such as runs/latest"
        )
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(file, f"cannot be read: {error}; {_MISSING}") from None
    version = summary.get("schema_version") if isinstance(summary, dict) else None
    if version != SCHEMA_VERSION:
        written = "an unknown version" if version is None else f"version {version!r}"
        message = f"the run folder has {written}, and this Fibercut reads {SCHEMA_VERSION}; "
        raise _refused(file, message + "use the Fibercut that made it, or run the scenario again")
    return dict(summary)


def _refused(path: Path, message: str) -> InputError:
    return InputError([Problem(str(path), message)])


def _topology(path: Path, problems: list[Problem]) -> Topology | None:
    file = path / TOPOLOGY_FILE
    if not file.exists():
        return None
    try:
        return Topology.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        problems.append(Problem(str(file), f"cannot be read: {_short(error)}; {_MISSING}"))
        return None


def _trials(
    path: Path, summary: Mapping[str, Any], problems: list[Problem]
) -> Iterator[TrialData | None]:
    """The trials that measured something, in the summary's order."""
    seed = summary["seed"]
    shown = [{"policy": name, "seed": seed, **of} for name, of in summary["policies"].items()]
    for told in summary.get("trials", shown):
        if told["digest"] is None:
            continue
        folder = TrialFolder(path / "trials" / f"{told['policy']}-seed{told['seed']}")
        try:
            yield _trial(folder, told)
        except (OSError, ValueError, KeyError) as error:
            problems.append(
                Problem(str(folder.path), f"cannot be read: {_short(error)}; {_MISSING}")
            )


def _trial(folder: TrialFolder, figures: Mapping[str, Any]) -> TrialData | None:
    job = Job.model_validate(folder.read_json("job.json"))
    result = TrialResult.model_validate(folder.read_json("trial.json"))
    if not folder.samples.is_dir():
        raise ValueError("its samples are missing")
    if result.start_ns is None:
        return None
    events = read_jsonl(folder.path / "events.jsonl")
    told = [event for event in events if event.get("source") == "controller"]
    trial = replace(measured(folder, job, result), events=told)
    return TrialData(job.policy, job.policy, job.seed, job.scenario, figures, trial, tuple(events))


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error).partition("\n")[0]
