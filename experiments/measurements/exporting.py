"""A run's tables in a folder of their own, for programs that know nothing of run folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from experiments.disk import UNFINISHED, no_more, to_disk
from experiments.flat import flat
from experiments.measurements.digest import write_csv_batches
from experiments.measurements.runs import FinishedRun
from experiments.measurements.storing import parquet_writer
from topologies.problems import InputError, Problem

Form = Literal["csv", "parquet"]
FIGURES = "figures"
"""The table with a row for each figure of each trial."""


def export(run: FinishedRun, folder: Path, form: Form) -> list[Path]:
    """Write every table of a run, all trials together, and their figures; returns the files.

    folder: must not exist or be empty; it is there whole or not at all. Raises InputError if it
    cannot be used or the run is damaged, FailedRunError if the disk takes no more.
    """
    _require_free(folder)
    try:
        with _made_whole(folder) as unfinished:
            for name in run.table_names():
                _write(unfinished / f"{name}.{form}", run.batches(name), run.schema(name))
            figures = figures_table(run)
            _write(unfinished / f"{FIGURES}.{form}", figures.to_batches(), figures.schema)
    except OSError as error:
        raise no_more(folder, error, "Nothing was exported; choose another folder") from None
    return sorted(folder.iterdir())


def figures_table(run: FinishedRun) -> pa.Table:
    """All numbers of the summary: policy, seed, status, figure (its dotted name), value."""
    rows = [
        (trial["policy"], trial["seed"], trial["status"], name, value)
        for trial in _told(run)
        for name, value in flat(_figures(trial)).items()
    ]
    types = (pa.string(), pa.int64(), pa.string(), pa.string(), pa.float64())
    names = ("policy", "seed", "status", "figure", "value")
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    arrays = [pa.array(list(c), kind) for c, kind in zip(columns, types, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(names))


def _told(run: FinishedRun) -> Iterator[dict[str, Any]]:
    if "trials" in run.summary:
        yield from run.summary["trials"]
        return
    for policy, told in run.summary["policies"].items():
        yield {"policy": policy, "seed": run.summary["seed"], **told}


def _figures(trial: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in trial.items() if isinstance(part, dict)}


def _write(path: Path, batches: Any, schema: pa.Schema) -> None:
    if path.suffix == ".csv":
        with path.open("wb") as file:
            write_csv_batches(batches, schema, file)
        return
    with parquet_writer(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = "is there already and not empty; choose a new folder"
        raise InputError([Problem(str(folder), message)])


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    unfinished = folder.with_name(f"{UNFINISHED}{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        to_disk(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
