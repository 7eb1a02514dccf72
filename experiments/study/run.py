"""Run what a study still lacks, and write its tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.failure import FailedRunError
from experiments.one_trial import ROOT
from experiments.run_folder import write_json
from experiments.study.engine import run_tasks
from experiments.study.load import LoadedPoint, LoadedStudy
from experiments.study.progress import study_progress
from experiments.study.results import write_results
from experiments.study.store import StudyFolder, opened_folder, write_text
from experiments.study.tasks import CODE, Task, code_digest, tasks
from experiments.study.worker import Done
from experiments.versions import machine, versions


@dataclass(frozen=True, slots=True)
class Options:
    """How a study is run. None of it changes a result."""

    out: Path
    scheduler: str | None = None
    workers: int | None = None
    keep_samples: bool = False
    retry_failed: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study came to.

    table: of all trials, as in table.json. ran: trials that this run added.
    """

    folder: Path
    table: dict[str, Any]
    ran: int
    kept: int
    failed: int
    wall_s: float


def run_study(
    loaded: LoadedStudy,
    checked: Sequence[LoadedPoint],
    kernel_release: str,
    options: Options,
) -> StudyResult:
    """Run every trial of the checked points that the folder does not hold yet.

    Raises InputError, FailedRunError (trials that no machine could run) and KeyboardInterrupt;
    what is done by then is kept, and its tables are not written.
    """
    began_s = time.monotonic()
    made_with = _made_with(kernel_release)
    with opened_folder(options.out) as folder:
        wanted = list(tasks(checked, loaded.seeds, made_with))
        kept = _kept(folder, wanted, options.retry_failed)
        lacking = [task for task in wanted if task.identity not in kept]
        write_text(folder.path / "study.yaml", loaded.text)
        failures = _run(folder, lacking, len(kept), options) if lacking else {}
        if failures:
            raise FailedRunError(_not_run(failures, len(wanted)))
        done = [(task, folder.read(task.identity)) for task in wanted]
        table = write_results(folder, loaded.study, done)
        wall_s = time.monotonic() - began_s
        _write_record(folder, loaded, made_with, wall_s, len(lacking))
    failed = sum(result["status"] != "ok" for _, result in done)
    return StudyResult(options.out, table, len(lacking), len(kept), failed, wall_s)


def _made_with(kernel_release: str) -> dict[str, str | None]:
    """What a result depends on besides its scenario: other versions are another trial."""
    found = versions() | {"guest_kernel": kernel_release, CODE: code_digest(ROOT)}
    # The code itself says more than the commit, which also changes with a page of documentation.
    del found["commit"]
    return found


def _kept(folder: StudyFolder, wanted: Sequence[Task], retry_failed: bool) -> set[str]:
    kept = set()
    for identity in dict.fromkeys(task.identity for task in wanted):
        if folder.has(identity):
            failed = folder.read(identity)["status"] != "ok"
            if failed and retry_failed:
                folder.remove(identity)
            else:
                kept.add(identity)
    return kept


def _run(
    folder: StudyFolder, lacking: Sequence[Task], kept: int, options: Options
) -> dict[str, str]:
    # Two points may come to the same scenario; one trial then stands for both.
    once = list({task.identity: task for task in lacking}.values())
    with study_progress(len(once), kept, options.quiet) as told:
        return run_tasks(
            once, options.scheduler, options.workers, options.keep_samples, _keeper(folder, told)
        )


def _keeper(folder: StudyFolder, told: Callable[[str], None]) -> Callable[[Task, Done], None]:
    def keep(_task: Task, done: Done) -> None:
        if done.status != "interrupted":
            folder.write(done)
        told(done.status)

    return keep


def _not_run(failures: dict[str, str], wanted: int) -> str:
    reasons = dict.fromkeys(failures.values())
    listed = "; ".join(list(reasons)[:5])
    return (
        f"{len(failures)} of {wanted} trials could not be run: {listed}. The others are kept; the"
        " same command runs what is missing"
    )


def _write_record(
    folder: StudyFolder,
    loaded: LoadedStudy,
    made_with: dict[str, str | None],
    wall_s: float,
    ran: int,
) -> None:
    record = {
        "study": loaded.study.model_dump(mode="json"),
        "scenario": str(loaded.scenario_path),
        "policies": list(loaded.policies),
        "seeds": list(loaded.seeds),
        "versions": made_with,
        "machine": machine(),
        "last_run": {"trials": ran, "wall_s": round(wall_s, 3)},
    }
    write_json(folder.path / "study.json", record)
