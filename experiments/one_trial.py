"""One trial from its job to its figures: in the guest, or on this machine itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from experiments.by_hand.files import ONLY_WHILE_IT_RUNS
from experiments.disk import is_full
from experiments.evaluate import evaluate
from experiments.live.pace import Pace
from experiments.measurements.collecting import collect
from experiments.progress import StageTeller, TrialProgress
from experiments.run_folder import TrialFolder
from experiments.scenario import Clock
from experiments.summary import TrialOutcome
from experiments.trial_job import Job, TrialResult
from guest import (
    GUEST_OUT,
    GUEST_PYTHON,
    Guest,
    GuestError,
    GuestKernel,
    GuestResult,
    GuestSettings,
    Source,
)

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Source(ROOT, ("topologies", "controller", "traffic", "experiments", "guest"))
_POLL_S = 0.2
_MEMORY_MB = 1024
# Virtual time for all that comes before and after the workloads; a trial that needs more hangs.
_SPARE_S = 300.0


class Stop(Protocol):
    """Whether the user wants the trials to end."""

    def is_set(self) -> bool:
        """As of threading.Event."""
        ...


class Spectator(Protocol):
    """Somebody who watches trials while they run. Called from several threads."""

    def begin(self, job: Job, trial: TrialFolder) -> Pace:
        """A trial begins, at a pace that may change while it runs."""
        ...

    def end(self, job: Job) -> None:
        """It has ended; its folder is about to change."""
        ...


class _Machine(Protocol):
    """Where a trial runs: the guest, or this machine itself."""

    def virtual_s(self) -> float:
        """The trial's own clock since its start."""
        ...

    def ended(self, timeout_s: float) -> bool:
        """Whether the trial has ended, after waiting for it at most so long."""
        ...

    def interrupt(self) -> None:
        """Ask the trial to end with what it has."""
        ...

    def keep(self, pace: Pace) -> None:
        """Hold the trial back as the pace says."""
        ...


def run_trial(
    job: Job,
    trial: TrialFolder,
    kernel: GuestKernel | None,
    progress: TrialProgress,
    stop: Stop,
    spectator: Spectator | None = None,
) -> TrialOutcome:
    """Run a job in its (prepared) folder to its end; `stop` ends it with what it has.

    kernel: the guest's, for the clock `virtual`. Raises SetupError if this machine cannot run
    it, OSError if its folder takes no more; whatever goes wrong within the trial is the
    outcome's reason.
    """
    (trial.path / "job.json").write_text(job.model_dump_json(by_alias=True), encoding="utf-8")
    started_s = time.monotonic()
    if stop.is_set():
        return TrialOutcome(job.policy, job.seed, "interrupted", "not begun", None, None, 0, 0)
    died, virtual_s = _follow(job, trial, kernel, progress, stop, spectator)
    wall_s = time.monotonic() - started_s
    return _outcome(job, trial, died, virtual_s, wall_s)


def _follow(
    job: Job,
    trial: TrialFolder,
    kernel: GuestKernel | None,
    progress: TrialProgress,
    stop: Stop,
    spectator: Spectator | None,
) -> tuple[str | None, float]:
    """Run a trial to its end. Returns why it died (if so) and its clock's last reading."""
    virtual_s = 0.0
    asked = False
    exact = job.scenario.clock is Clock.VIRTUAL
    teller = StageTeller(
        progress, job.name, trial.path / "stage", job.scenario.duration_s, tells_speed=exact
    )
    pace = spectator.begin(job, trial) if spectator else None
    try:
        with _machine(job, trial, kernel) as machine:
            while not machine.ended(_POLL_S):
                if pace is not None:
                    machine.keep(pace)
                virtual_s = machine.virtual_s()
                teller.tell(virtual_s, time.monotonic())
                if stop.is_set() and not asked:
                    machine.interrupt()
                    asked = True
            virtual_s = machine.virtual_s()
    except GuestError as error:
        return str(error), virtual_s
    finally:
        if spectator:
            spectator.end(job)
        for name in ONLY_WHILE_IT_RUNS:
            (trial.path / name).unlink(missing_ok=True)
    progress.tell(job.name, "evaluating", 1, "")
    return None, virtual_s


def _outcome(
    job: Job, trial: TrialFolder, died: str | None, virtual_s: float, wall_s: float
) -> TrialOutcome:
    status, reason, figures, digest = "failed", died, None, None
    by_hand = 0
    try:
        result = TrialResult.model_validate(trial.read_json("trial.json"))
    except (OSError, ValueError):
        reason = died or f"the trial left no result (see {trial.logs.name} in its folder)"
    else:
        status, reason, by_hand = result.status, result.reason, len(result.by_hand)
        if result.start_ns is not None and status != "failed":
            try:
                collect(trial, job, result)
                figures = evaluate(trial, job, result)
                digest = trial.digest()
            except (OSError, ValueError, KeyError) as error:
                if isinstance(error, OSError) and is_full(error):
                    raise
                if status == "interrupted":
                    reason = "ended before its time, and before enough was measured"
                else:
                    status, reason = "failed", f"the measurements cannot be used: {error}"
    return TrialOutcome(
        job.policy, job.seed, status, reason, figures, digest, virtual_s, wall_s, by_hand
    )


@contextmanager
def _machine(job: Job, trial: TrialFolder, kernel: GuestKernel | None) -> Iterator[_Machine]:
    log = (trial.logs / "trial.log").open("wb")
    with log:
        if job.scenario.clock is Clock.REAL:
            with subprocess.Popen(
                _command(sys.executable, str(trial.path)),
                cwd=ROOT,
                # Traffic's programs start without the packages' folder, where we may be installed.
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as process:
                yield _ThisMachine(process)
            return
        settings = GuestSettings(
            seed=job.seed,
            memory_mb=_MEMORY_MB,
            source=SOURCE,
            virtual_limit_s=job.scenario.duration_s + _SPARE_S,
        )
        with Guest(
            _command(GUEST_PYTHON, GUEST_OUT),
            out_dir=trial.path,
            settings=settings,
            kernel=kernel,
            stdout=log,
            stderr=log,
        ) as guest:
            yield _InGuest(guest)


def _command(python: str, folder: str) -> list[str]:
    return [python, "-m", "experiments.trial", f"{folder}/job.json"]


class _InGuest:
    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._result: GuestResult | None = None

    def virtual_s(self) -> float:
        return self._result.virtual_s if self._result else self._guest.virtual_s

    def ended(self, timeout_s: float) -> bool:
        self._result = self._guest.wait(timeout_s)
        return self._result is not None

    def interrupt(self) -> None:
        self._guest.interrupt()

    def keep(self, pace: Pace) -> None:
        self._guest.set_pace(None if pace.speed is None else pace.is_ahead)


class _ThisMachine:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._started_s = time.monotonic()

    def virtual_s(self) -> float:
        return time.monotonic() - self._started_s

    def ended(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def keep(self, pace: Pace) -> None:
        """Nobody holds back the time of this machine."""
