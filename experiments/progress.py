"""How a run's trials come on: bars with the virtual time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_PLAIN_STEP_PERCENT = 25


class TrialProgress(Protocol):
    """What a trial tells while it runs. Called from several threads."""

    def tell(self, trial: str, stage: str, done: float, note: str) -> None:
        """The stage a trial is in, the share of it that is done (0 to 1), and a remark."""


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
