"""Watch a trial's machine while it measures, and say afterwards whether it was fit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.fidelity.limits import FidelityLimits, Readings, broken_limits
from experiments.fidelity.spinning import CpuTimes, cpu_times, spinning
from experiments.run_folder import write_json
from experiments.trial_job import TrialFailed

FILE = "fidelity.json"
_SAMPLED = "fidelity-sampled.json"
_END_S = 10.0


class Guard:
    """Of one trial, from its workloads' start to their end."""

    def __init__(
        self, limits: FidelityLimits, out: Path, sampler: subprocess.Popen[bytes] | None
    ) -> None:
        self._limits, self._out, self._sampler = limits, out, sampler
        self._before = cpu_times() if sampler is None else None

    def check(self) -> None:
        """Call when the workloads' time is over. Raises TrialFailed if a limit was passed."""
        readings = self._spun(self._before) if self._before else self._sampled()
        write_json(self._out / FILE, dict(readings))
        broken = list(broken_limits(readings, self._limits))
        if broken:
            raise TrialFailed(f"void: {'; '.join(broken)}")

    @staticmethod
    def _spun(before: CpuTimes) -> Readings:
        return spinning(before, cpu_times())

    def _sampled(self) -> Readings:
        assert self._sampler is not None  # there is one, or a reading before
        end(self._sampler)
        path = self._out / "logs" / _SAMPLED
        try:
            found: Readings = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            message = "void: what watches this machine's timers left no readings"
            raise TrialFailed(f"{message} (see {path.with_suffix('.log')})") from None
        return found


@contextmanager
def guarded(limits: FidelityLimits, real: bool, out: Path) -> Iterator[Guard]:
    """A trial under watch. real: on this machine's own clock, whose timers are sampled."""
    if not real:
        yield Guard(limits, out, None)
        return
    path = out / "logs" / _SAMPLED
    command = [sys.executable, "-m", "experiments.fidelity.sampler", str(path)]
    with path.with_suffix(".log").open("wb") as log:
        sampler = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Guard(limits, out, sampler)
    finally:
        end(sampler)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and insist after a while; nothing if it has ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
