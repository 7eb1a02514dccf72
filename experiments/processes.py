"""The traffic programs of a trial: started in their hosts, watched, ended in order."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traffic.clock import NS_PER_S, now_ns

_POLL_NS = NS_PER_S // 10
_END_GRACE_S = 5.0


class ProcessFailed(Exception):
    """A traffic program ended with an error, or did not end."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process to run in a host.

    serves: it goes on until the others have ended, and is then asked to end.
    """

    name: str
    host: str
    command: tuple[str, ...]
    serves: bool = False


class Running:
    """The started programs of a trial."""

    def __init__(self, programs: Sequence[Program], processes: Sequence[Any], logs: Path) -> None:
        self._programs = programs
        self._processes = processes
        self._logs = logs

    def wait_until(self, at_ns: int, meanwhile: Callable[[], int | None]) -> None:
        """Sleep until a moment. Raises ProcessFailed if a program fails before.

        meanwhile: called at least every 0.1 s; may say when it wants to be called again.
        """
        while True:
            again_ns = meanwhile()
            left_ns = at_ns - now_ns()
            if left_ns <= 0:
                return
            if again_ns is not None:
                left_ns = min(left_ns, max(0, again_ns - now_ns()))
            time.sleep(min(left_ns, _POLL_NS) / NS_PER_S)
            self._check()

    def wait_all(self, deadline_ns: int) -> None:
        """Wait for all programs to end, then end the servers.

        Raises ProcessFailed for errors and for those that do not end.
        """
        while working := self._working():
            self._check()
            if now_ns() > deadline_ns:
                raise ProcessFailed(f"did not end: {', '.join(working)}")
            time.sleep(_POLL_NS / NS_PER_S)
        self.end()
        self._check()

    def end(self) -> None:
        """Ask every program to end and write what it has; insist after a while."""
        alive = [process for process in self._processes if process.poll() is None]
        for process in alive:
            process.send_signal(signal.SIGTERM)
        for process in alive:
            try:
                process.wait(timeout=_END_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _working(self) -> list[str]:
        return [
            program.name
            for program, process in zip(self._programs, self._processes, strict=True)
            if not program.serves and process.poll() is None
        ]

    def _check(self) -> None:
        for program, process in zip(self._programs, self._processes, strict=True):
            if process.poll():
                said = (self._logs / f"{program.name}.log").read_text(encoding="utf-8").strip()
                last = said.splitlines()[-1] if said else f"exit status {process.returncode}"
                raise ProcessFailed(f"{program.name} on {program.host} failed: {last}")


@contextmanager
def start_all(net: Any, programs: Sequence[Program], out: Path) -> Iterator[Running]:
    """Start the programs in order; those still running at the end are ended."""
    processes: list[Any] = []
    running = Running(programs, processes, out / "logs")
    try:
        for program in programs:
            with (out / "logs" / f"{program.name}.log").open("wb") as log:
                processes.append(
                    net.get(program.host).popen(
                        list(program.command),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )
        yield running
    finally:
        running.end()
