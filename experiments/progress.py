"""How a run's trials come on: bars with the virtual time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_PLAIN_STEP_PERCENT = 25


class TrialProgress(Protocol):
    """What a trial tells while it runs. Called from several threads."""

    def tell(self, trial: str, stage: str, done: float, note: str) -> None:
        """The stage a trial is in, the share of it that is done (0 to 1), and a remark."""


class StageTeller:
    """Tells a trial's stage, and how far and how fast its clock runs while it is measured.

    stage_file: where the trial writes its stage, and since when. duration_s: of the measurement.
    tells_speed: whether the trial's clock runs at a speed of its own.
    """

    def __init__(
        self,
        progress: TrialProgress,
        trial: str,
        stage_file: Path,
        duration_s: float,
        *,
        tells_speed: bool,
    ) -> None:
        self._progress = progress
        self._trial = trial
        self._stage_file = stage_file
        self._duration_s = duration_s
        self._tells_speed = tells_speed
        self._stage = "starting"
        self._began: tuple[float, float] | None = None

    def tell(self, trial_s: float, wall_s: float) -> None:
        """As of now, by both clocks. Between two stages a trial is still in the one before."""
        with contextlib.suppress(OSError, ValueError):
            since_s, _, stage = self._stage_file.read_text(encoding="utf-8").partition(" ")
            began_s, self._stage = float(since_s), stage.strip()
            if self._stage == "running":
                self._tell_running(trial_s - began_s, wall_s)
                return
        self._progress.tell(self._trial, self._stage, 0.0, "")

    def _tell_running(self, since_s: float, wall_s: float) -> None:
        done_s = min(self._duration_s, max(0.0, since_s))
        note = f"{done_s:.1f} of {self._duration_s:g} s"
        if self._began is None:
            self._began = (done_s, wall_s)
        passed_s, took_s = done_s - self._began[0], wall_s - self._began[1]
        if self._tells_speed and passed_s > 0 and took_s > 0:
            note += f", {passed_s / took_s:.2g} × real time"
        self._progress.tell(self._trial, "running", done_s / self._duration_s, note)


class Quiet:
    """Tells nothing."""

    def tell(self, trial: str, stage: str, done: float, note: str) -> None:
        """Do nothing."""


class _Bars:
    def __init__(self, bars: Progress, tasks: dict[str, TaskID]) -> None:
        self._bars = bars
        self._tasks = tasks

    def tell(self, trial: str, stage: str, done: float, note: str) -> None:
        self._bars.update(self._tasks[trial], completed=done, stage=stage, note=note)


class _Lines:
    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def tell(self, trial: str, stage: str, done: float, note: str) -> None:
        step = int(100 * done) // _PLAIN_STEP_PERCENT * _PLAIN_STEP_PERCENT
        with self._lock:
            if self._told.get(trial) == (stage, step):
                return
            self._told[trial] = (stage, step)
            percent = f" {step} %" if step else ""
            print(f"{trial}: {stage}{percent} {note}".rstrip(), file=sys.stderr, flush=True)


@contextmanager
def progress(trials: Sequence[str], quiet: bool) -> Iterator[TrialProgress]:
    """Show the trials of these names on standard error for as long as the `with` lasts."""
    if quiet:
        yield Quiet()
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description:>16}"),
        BarColumn(),
        TextColumn("{task.fields[stage]} {task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {name: bars.add_task(name, total=1, stage="waiting", note="") for name in trials}
        yield _Bars(bars, tasks)
