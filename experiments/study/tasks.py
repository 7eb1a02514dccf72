"""A study's trials as tasks that any machine can do, each with an identity of its own."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.sample import Point
from experiments.scenario_load import LoadedScenario
from experiments.study.load import LoadedPoint

_IDENTITY_CHARACTERS = 24
CODE = "code"
"""What the digest of the programs is called among the versions."""


@dataclass(frozen=True, slots=True)
class Task:
    """One trial of a study.

    identity: of everything that its result depends on; two equal trials have the same.
    code: the digest of the programs that it is meant for.
    """

    identity: str
    point: Point
    policy: str
    seed: int
    loaded: LoadedScenario
    code: str | None


def tasks(
    checked: Sequence[LoadedPoint], seeds: Sequence[int], versions: Mapping[str, str | None]
) -> Iterator[Task]:
    """Every trial, point by point, policy by policy, seed by seed."""
    topologies: dict[int, str] = {}
    for one in checked:
        topology = one.loaded.topology
        if id(topology) not in topologies:
            topologies[id(topology)] = _digest(topology.model_dump(mode="json"))
        known = topologies[id(topology)]
        files = _named_files(one.loaded)
        for policy in one.loaded.scenario.policies:
            for seed in seeds:
                changes = {"policies": (policy,), "seed": seed, "trials": 1}
                scenario = one.loaded.scenario.model_copy(update=changes)
                fields = scenario.model_dump(mode="json", by_alias=True)
                whole = [fields, known, files, policy, seed, dict(versions)]
                identity = _digest(whole)[:_IDENTITY_CHARACTERS]
                loaded = LoadedScenario(one.loaded.path.absolute(), scenario, topology)
                yield Task(identity, one.point.label, policy, seed, loaded, versions.get(CODE))


def _named_files(loaded: LoadedScenario) -> dict[str, str]:
    """The content of each file that the scenario names, such as a trace of requests."""
    base = loaded.path.parent
    found = {}
    for text in set(_texts([one.model_dump(mode="json") for one in loaded.scenario.workloads])):
        path = base / text
        try:
            if text and path.is_file():
                with path.open("rb") as file:
                    found[text] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:  # too long for a name, or not for us to read: its workload will tell
            continue
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@functools.cache
def code_digest(root: Path) -> str:
    """SHA-256 over Fibercut's own programs, so that other code is another trial."""
    total = hashlib.sha256()
    for package in ("topologies", "controller", "traffic", "experiments", "guest"):
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{path.relative_to(root)} {content}\n".encode())
    return total.hexdigest()
