"""How a study comes on: a bar with the time to its end on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_LINES = 20


@contextmanager
def study_progress(trials: int, kept: int, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show how many trials are done; call the value with each one's status as it ends.

    trials: how many there are to run. kept: how many were there before.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda _status: None
    elif console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task("trials", total=trials, failed=_note(0, kept))
            yield _counted(
                lambda _, failed: bar.update(task, advance=1, failed=_note(failed, kept))
            )
    else:
        print(f"{trials} trials to run, {kept} there already", file=sys.stderr, flush=True)
        yield _counted(_lines(trials))


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(),
        TextColumn("to go"),
        # The first trials end together, so the speed is one of many.
        TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=600,
    )


def _note(failed: int, kept: int) -> str:
    told = [f"{failed} failed"] if failed else []
    return ", ".join(told + ([f"{kept} there already"] if kept else []))


def _counted(show: Callable[[int, int], None]) -> Callable[[str], None]:
    done = failed = 0

    def told(status: str) -> None:
        nonlocal done, failed
        done += 1
        failed += status != "ok"
        show(done, failed)

    return told


def _lines(trials: int) -> Callable[[int, int], None]:
    began_s = time.monotonic()
    step = max(1, trials // _LINES)

    def show(done: int, failed: int) -> None:
        if done % step and done != trials:
            return
        left_s = (time.monotonic() - began_s) / done * (trials - done)
        note = f", {failed} failed" if failed else ""
        left = f", about {timedelta(seconds=round(left_s))} to go" if done < trials else ""
        print(f"{done} of {trials} trials{note}{left}", file=sys.stderr, flush=True)

    return show
