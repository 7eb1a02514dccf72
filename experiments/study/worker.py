"""What a worker does: one trial in a guest of its own. Runs wherever Dask puts it."""

from __future__ import annotations

import io
import socket
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.one_trial import ROOT, run_trial
from experiments.preparation import prepare_workloads
from experiments.progress import Quiet
from experiments.run_folder import RunFolder, TrialFolder, write_json
from experiments.runner import scenario_plan
from experiments.study.tasks import Task, code_digest
from experiments.trial_job import Job
from guest import provide_kernel
from guest.errors import SetupError

RESULT_VERSION = 1
_BULKY = ("samples", "prepared")


@dataclass(frozen=True, slots=True)
class Done:
    """A trial's folder as a zip archive."""

    identity: str
    status: str
    archive: bytes


class Cancelled:
    """Whether the task was given up by its study, as `Stop` of one_trial."""

    def __init__(self, given_up: Callable[[], bool]) -> None:
        self._given_up = given_up

    def is_set(self) -> bool:
        """Whether to end now."""
        return self._given_up()


def run_task(task: Task, keep_samples: bool) -> Done:
    """Run a study's trial and pack up what is kept of it.

    Raises SetupError if this machine cannot run it, InputError if one of its files is gone.
    """
    if code_digest(ROOT) != task.code:
        raise SetupError(
            f"the worker on {socket.gethostname()} runs other code than this study was started"
            f" with: bring {ROOT} there to the same version, and start the worker again"
        )
    worker = _worker()
    # Dask removes what a lost worker leaves in its own folder.
    where = worker.local_directory if worker else None
    with tempfile.TemporaryDirectory(prefix="trial-", dir=where) as folder:
        trial = RunFolder(Path(folder)).new_trial(task.policy, task.seed)
        status = _run(task, trial, worker)
        return Done(task.identity, status, _packed(trial.path, keep_samples))


def _run(task: Task, trial: TrialFolder, worker: Any) -> str:
    loaded = task.loaded
    job = Job(
        plan=scenario_plan(loaded), scenario=loaded.scenario, policy=task.policy, seed=task.seed
    )
    prepare_workloads(job, loaded, trial)
    outcome = run_trial(job, trial, provide_kernel(), Quiet(), Cancelled(_given_up(worker)))
    result = {
        "schema_version": RESULT_VERSION,
        "identity": task.identity,
        "point": dict(task.point),
        "policy": task.policy,
        "seed": task.seed,
        "status": outcome.status,
        "reason": outcome.reason,
        "digest": outcome.digest,
        "virtual_s": round(outcome.virtual_s, 6),
        "wall_s": round(outcome.wall_s, 3),
        "figures": outcome.figures,
    }
    write_json(trial.path / "result.json", result)
    return outcome.status


def _worker() -> Any:
    """Dask's worker that this thread belongs to, None if there is none."""
    from distributed import get_worker  # noqa: PLC0415 - heavy, and only here in a worker

    try:
        return get_worker()
    except ValueError:
        return None


def _given_up(worker: Any) -> Callable[[], bool]:
    """Asks whether the study has given up the task that this thread runs."""
    if worker is None:
        return lambda: False
    key = worker.get_current_task()

    def given_up() -> bool:
        state = worker.state.tasks.get(key)
        return state is None or state.state in ("cancelled", "forgotten", "released")

    return given_up


def _packed(folder: Path, keep_samples: bool) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and (keep_samples or inside.parts[0] not in _BULKY):
                archive.write(path, inside)
    return buffer.getvalue()
