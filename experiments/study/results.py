"""A study's answer: a row a trial, and the statistics of each point.

No wall times: the same trials give the same bytes, wherever and whenever they ran.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from experiments.flat import flat
from experiments.sample import Sample, SampleTrial, sample_statistics
from experiments.study.spec import Study
from experiments.study.store import StudyFolder, write_bytes, write_text
from experiments.study.tasks import Task

TABLE_VERSION = 1
Result = Mapping[str, Any]


def write_results(
    folder: StudyFolder, study: Study, done: Sequence[tuple[Task, Result]]
) -> dict[str, Any]:
    """Write trials.parquet, trials.csv and table.json; returns the last one's content."""
    trials = trial_table(done)
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(trials, parquet)
    write_bytes(folder.path / "trials.parquet", parquet.getvalue())
    csv = io.BytesIO()
    pyarrow.csv.write_csv(trials, csv)
    write_bytes(folder.path / "trials.csv", csv.getvalue())
    table = {
        "schema_version": TABLE_VERSION,
        "study": study.name,
        "description": study.description,
        "trials": len(done),
        **sample_statistics(samples(done), study.figures),
    }
    write_text(folder.path / "table.json", json.dumps(table, indent=2, ensure_ascii=False) + "\n")
    return table


def samples(done: Iterable[tuple[Task, Result]]) -> list[Sample]:
    """The trials of each policy at each point, in the order of the grid."""
    found = []
    for (point, policy), group in groupby(done, key=lambda one: (one[0].point, one[0].policy)):
        trials = tuple(
            SampleTrial(task.seed, result["status"], result["reason"], _figures(result))
            for task, result in group
        )
        found.append(Sample(point, policy, trials))
    return found


def trial_table(done: Sequence[tuple[Task, Result]]) -> pa.Table:
    """A row a trial: its point, policy and seed, how it went, and all of its numbers.

    A figure that a trial did not give is null, never 0.
    """
    rows = [_row(task, result) for task, result in done]
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _row(task: Task, result: Result) -> dict[str, Any]:
    head = {
        **dict(task.point),
        "policy": task.policy,
        "seed": task.seed,
        "status": result["status"],
        "reason": result["reason"],
        "digest": result["digest"],
        "identity": task.identity,
        "virtual_s": result["virtual_s"],
    }
    return {**head, **_figures(result)}


def _figures(result: Result) -> dict[str, float]:
    return flat(result["figures"] or {})


def _column(values: list[Any]) -> pa.Array:
    """Values of one kind as that kind; an axis may mix them, and is text then."""
    kinds = {bool if isinstance(v, bool) else type(v) for v in values if v is not None}
    if kinds <= {int}:
        return pa.array(values, pa.int64() if kinds else pa.string())
    if kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if v is None else str(v) for v in values], pa.string())
