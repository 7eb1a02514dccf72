"""Progress of a long job: a bar on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_STEP_PERCENT = 25


class Step:
    """One part of the job, known by how much of `total` is done (any unit)."""

    def __init__(self, reporter: Reporter, title: str, total: float) -> None:
        self._reporter = reporter
        self._title = title
        self._total = max(total, 1.0)
        self._told_percent = 0

    def done(self, amount: float) -> None:
        """Tell that `amount` of the total is done by now."""
        percent = min(99, int(100 * amount / self._total))
        if self._reporter.show_bar(self._title, percent):
            return
        if percent >= self._told_percent + PLAIN_STEP_PERCENT:
            self._told_percent = percent
            self._reporter.say(f"{self._title}: {percent} %")


class Reporter:
    """Tells progress on `stream` (standard error unless told), which may be a file or a pipe."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: Progress | None = None

    def say(self, text: str) -> None:
        """One plain line."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
            return
        self._stream.write(text + "\n")
        self._stream.flush()

    @contextmanager
    def step(self, title: str, total: float = 1.0) -> Iterator[Step]:
        """A part of the job, from its start to its end."""
        if not self._stream.isatty():
            self.say(title)
            yield Step(self, title, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=self._stream)) as bar:
            self._bar = bar
            bar.add_task(title, total=100)
            try:
                yield Step(self, title, total)
                self.show_bar(title, 100)
            finally:
                self._bar = None

    def show_bar(self, title: str, percent: int) -> bool:
        """Move the bar, where there is one."""
        if self._bar is None:
            return False
        self._bar.update(self._bar.task_ids[0], description=title, completed=percent)
        return True
