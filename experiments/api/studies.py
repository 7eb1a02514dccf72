"""Studies: run from code, or read from their folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.api.frames import statistics_frame
from experiments.api.scenarios import Given, as_yaml
from experiments.study.load import LoadedStudy, check_study, load_study, require_virtual
from experiments.study.results import TABLE_VERSION
from experiments.study.run import Options, run_study
from guest import provide_kernel
from topologies.files import Document, plain
from topologies.problems import InputError, Problem


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A study's results.

    folder: see docs/reference/study.md. table: the content of its table.json.
    """

    folder: Path
    table: Mapping[str, Any] = field(repr=False)

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial: its point, policy, seed, status, and every figure as a column."""
        return pd.read_parquet(self.folder / "trials.parquet")

    def statistics(self, figures: Sequence[str] = ("**",)) -> pd.DataFrame:
        """Quantiles with their intervals; a row for each point, policy and figure of the table."""
        return statistics_frame(self.table, figures)


def study(
    given: Given,
    *,
    base: Path | str = ".",
    out: Path | str | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    keep_samples: bool = False,
    retry_failed: bool = False,
    kernel_source: Path | None = None,
    quiet: bool = True,
) -> StudyRun:
    """Run a study, as `fibercut study` does; what its folder holds already is not run again.

    given: a shipped study's name, a file, or a mapping of the fields of docs/reference/study.md.
    base: the folder that a mapping's files are relative to.

    Raises InputError, SetupError or FailedRunError.
    """
    loaded = _loaded(given, Path(base))
    checked = loaded.checked_points()
    require_virtual(checked, loaded)
    kernel = provide_kernel(kernel_source)
    folder = Path(out) if out is not None else Path("runs") / f"study-{loaded.study.name}"
    options = Options(folder, scheduler, workers, keep_samples, retry_failed, quiet)
    return StudyRun(folder, run_study(loaded, checked, kernel.release, options).table)


def _loaded(given: Given, base: Path) -> LoadedStudy:
    if isinstance(given, Mapping):
        data = plain(given)
        return check_study(Document("study", data), base / "study", as_yaml(data))
    return load_study(str(given))


def load_study_run(folder: Path | str) -> StudyRun:
    """A study's results by their folder. Raises InputError if there are none."""
    path = Path(folder)
    try:
        table = json.loads((path / "table.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = "no finished study: there is no readable table.json"
        raise InputError([Problem(str(path), message)]) from None
    if not isinstance(table, dict) or table.get("schema_version") != TABLE_VERSION:
        message = f"not a study's results of version {TABLE_VERSION}"
        raise InputError([Problem(str(path), message)])
    return StudyRun(path, table)
