"""Run a scenario: a policy's trials with each seed, side by side where cores allow it."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.disk import no_more
from experiments.one_trial import Spectator, run_trial
from experiments.preparation import prepare_workloads
from experiments.progress import TrialProgress
from experiments.report.page import write_report
from experiments.report.read import TOPOLOGY_FILE
from experiments.run_folder import RunFolder, TrialFolder, write_json
from experiments.scenario_load import LoadedScenario
from experiments.summary import TrialOutcome, summarise
from experiments.trial_job import Job
from guest import GuestKernel
from topologies.plan import NetworkPlan, make_plan

REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run's summary and the folder that it lies in."""

    summary: Mapping[str, Any]
    folder: Path


def run(
    loaded: LoadedScenario,
    folder: RunFolder,
    kernel: GuestKernel | None,
    progress: TrialProgress,
    spectator: Spectator | None = None,
) -> RunResult:
    """Run all policies of a scenario into `folder` and finish it.

    kernel: the guest's, for the clock `virtual`. spectator: who watches the trials.
    Ctrl-C ends all trials with what they have measured by then. A failed trial fails
    alone; the others go on. Raises FailedRunError when the disk takes no more; trials that
    were whole by then are kept.
    """
    try:
        result = _run(loaded, folder, kernel, progress, spectator)
    except OSError as error:
        whole = folder.give_up()
        kept = f"{_counted(whole)} kept in {folder.path}" if whole else "No trial was kept"
        raise no_more(folder.path, error, f"{kept}; make room, or choose --out FOLDER") from None
    except BaseException:
        folder.give_up()
        raise
    # The run is whole by now, with or without its page.
    page = result.folder / REPORT_FILE
    try:
        write_report(page, [result.folder])
    except OSError as error:
        raise no_more(page, error, "The run is whole; fibercut report writes its page") from None
    return result


def _counted(whole: int) -> str:
    return "1 whole trial is" if whole == 1 else f"{whole} whole trials are"


def _run(
    loaded: LoadedScenario,
    folder: RunFolder,
    kernel: GuestKernel | None,
    progress: TrialProgress,
    spectator: Spectator | None,
) -> RunResult:
    started_s = time.monotonic()
    scenario = loaded.scenario
    _keep_scenario(loaded, folder.path / "scenario.yaml")
    topology = loaded.topology.model_dump(mode="json", by_alias=True)
    write_json(folder.path / TOPOLOGY_FILE, topology)
    plan = scenario_plan(loaded)
    jobs = [
        Job(plan=plan, scenario=scenario, policy=policy, seed=seed)
        for seed in scenario.seeds
        for policy in scenario.policies
    ]
    for job in jobs:
        prepare_workloads(job, loaded, folder.new_trial(job.policy, job.seed))
    outcomes = _run_all(jobs, folder, kernel, progress, spectator)
    wall_s = time.monotonic() - started_s
    extra = {"guest_kernel": kernel.release if kernel else None}
    summary = summarise(loaded, outcomes, wall_s, extra)
    write_json(folder.path / "summary.json", summary)
    return RunResult(summary, folder.finish())


def _keep_scenario(loaded: LoadedScenario, path: Path) -> None:
    if loaded.text is None:
        shutil.copy(loaded.path, path)
    else:
        path.write_text(loaded.text, encoding="utf-8")


def scenario_plan(loaded: LoadedScenario) -> NetworkPlan:
    """The network that a scenario's trials are built on."""
    scenario = loaded.scenario
    return make_plan(
        loaded.topology,
        scenario.scale,
        scenario.buffer_ms,
        buffer_bytes=scenario.buffer_bytes,
        classes=scenario.classes,
        ecn_mark_ms=scenario.ecn_mark_ms,
    )


def _run_all(
    jobs: list[Job],
    folder: RunFolder,
    kernel: GuestKernel | None,
    progress: TrialProgress,
    spectator: Spectator | None,
) -> list[TrialOutcome]:
    stop = threading.Event()
    # On this machine's own kernel the networks of two trials would be in each other's way.
    side_by_side = len(os.sched_getaffinity(0)) if kernel else 1
    with ThreadPoolExecutor(max_workers=min(len(jobs), side_by_side)) as pool, _ctrl_c(stop):
        futures = [
            pool.submit(
                _one,
                job,
                folder.new_trial(job.policy, job.seed),
                kernel,
                progress,
                stop,
                spectator,
            )
            for job in jobs
        ]
        return _all_results(futures, stop)


def _one(
    job: Job,
    trial: TrialFolder,
    kernel: GuestKernel | None,
    progress: TrialProgress,
    stop: threading.Event,
    spectator: Spectator | None,
) -> TrialOutcome:
    outcome = run_trial(job, trial, kernel, progress, stop, spectator)
    trial.finish()
    return outcome


def _all_results(
    futures: Sequence[Future[TrialOutcome]], stop: threading.Event
) -> list[TrialOutcome]:
    try:
        for future in as_completed(futures):
            future.result()
    except BaseException:
        stop.set()
        raise
    return [future.result() for future in futures]


@contextmanager
def _ctrl_c(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C asks the trials to end; the second is an ordinary one again."""

    def ask(_signum: int, _frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
