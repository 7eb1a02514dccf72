"""Run folders as readers see them: whole ones of this version, every other one refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from experiments.measurements.storing import ROWS_AT_ONCE
from experiments.run_folder import PARTIAL, SCHEMA_VERSION, RunFolder, TrialFolder, is_being_written
from topologies.problems import InputError, Problem

_STUDY_TABLE = "table.json"


@dataclass(frozen=True, slots=True)
class FinishedTrial:
    """One trial of a run."""

    policy: str
    seed: int
    folder: TrialFolder

    def tables(self) -> dict[str, Path]:
        """Its tables by name; none of a trial that measured nothing."""
        files = [*self.folder.samples.glob("*.parquet"), *self.folder.path.glob("*.parquet")]
        return {file.stem: file for file in sorted(files)}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that is whole: its summary and its trials, in the order in which it names them."""

    path: Path
    summary: Mapping[str, Any]
    trials: tuple[FinishedTrial, ...]

    def table_names(self) -> list[str]:
        """What `table` can be asked for."""
        return sorted({name for trial in self.trials for name in trial.tables()})

    def table(self, name: str) -> pa.Table:
        """A table of all trials together, with the columns `policy` and `seed` first.

        All of it is in memory; see `batches`. Raises InputError.
        """
        schema = self.schema(name)
        return pa.Table.from_batches(self.batches(name), schema=schema)

    def schema(self, name: str) -> pa.Schema:
        """The columns of `table`. Raises InputError if no trial has it."""
        for trial in self.trials:
            if name in trial.tables():
                with _opened(trial.tables()[name]) as file:
                    return _with_trial(file.schema_arrow)
        names = ", ".join(self.table_names()) or "none"
        raise InputError([Problem(str(self.path), f"has no table {name!r}; it has {names}")])

    def batches(self, name: str) -> Iterator[pa.RecordBatch]:
        """The same, piece by piece. Raises InputError if a file is damaged."""
        schema = self.schema(name)
        for trial in self.trials:
            path = trial.tables().get(name)
            if path is not None:
                yield from _batches(path, trial, schema)


def open_run(path: Path) -> FinishedRun:
    """Read what a run's folder is. Raises InputError if it is no whole run of this version."""
    if path.name.endswith(PARTIAL) and path.is_dir():
        raise InputError([Problem(str(path), _unfinished(path))])
    if not (path / "summary.json").is_file():
        raise InputError([Problem(str(path), _no_run(path))])
    try:
        summary = json.loads((path / "summary.json").read_text(encoding="utf-8"))
        version = summary["schema_version"]
        if version == SCHEMA_VERSION:
            return FinishedRun(path, summary, tuple(_trials(path, summary)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = f"its summary.json is damaged ({type(error).__name__}: {error}); run it again"
        raise InputError([Problem(str(path), told)]) from None
    told = f"has schema_version {version}, and this Fibercut reads {SCHEMA_VERSION}"
    commit = (summary.get("versions") or {}).get("commit")
    made = f" (it was made by commit {commit})" if commit else ""
    message = f"{told}; run its scenario.yaml again, or read it with the older Fibercut{made}"
    raise InputError([Problem(str(path), message)])


def _trials(path: Path, summary: Mapping[str, Any]) -> Iterator[FinishedTrial]:
    named = [(policy, summary["seed"]) for policy in summary["policies"]]
    if "trials" in summary:
        named = [(trial["policy"], trial["seed"]) for trial in summary["trials"]]
    for policy, seed in named:
        folder = RunFolder(path).trial(policy, seed)
        if not folder.path.is_dir():
            message = f"is damaged: {folder.path.relative_to(path)} is missing; run it again"
            raise InputError([Problem(str(path), message)])
        yield FinishedTrial(policy, seed, folder)


def _unfinished(path: Path) -> str:
    if is_being_written(path):
        return "another run is writing here; wait for it to end"
    whole = ", ".join(sorted(one.name for one in (path / "trials").glob("[!.]*")))
    kept = f"whole are its trials {whole}, in the folder trials" if whole else "it holds nothing"
    return f"the run that made it did not end (it was killed); {kept}. Run it again"


def _no_run(path: Path) -> str:
    if not path.exists():
        return "there is no such folder; runs lie in runs/, and runs/latest is the newest one"
    if (path / _STUDY_TABLE).exists():
        return "is a study's folder; its trials.csv and trials.parquet are a row a trial"
    return "is no run's folder: it has no summary.json"


@contextmanager
def _opened(path: Path) -> Iterator[parquet.ParquetFile]:
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        message = f"cannot be read ({str(error).partition('.')[0]}); run it again"
        raise InputError([Problem(str(path), message)]) from None


def _batches(path: Path, trial: FinishedTrial, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with _opened(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE):
            own = (trial.policy, trial.seed)
            arrays = [
                pa.repeat(pa.scalar(value, field.type), len(batch))
                for value, field in zip(own, schema, strict=False)
            ]
            yield pa.RecordBatch.from_arrays([*arrays, *batch.columns], schema=schema)


def _with_trial(schema: pa.Schema) -> pa.Schema:
    return pa.schema([("policy", pa.string()), ("seed", pa.int64()), *schema])
