"""What all descriptions share: a command line from their fields."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

_PACKAGE = Path(__file__).resolve().parent.parent

Value = str | int | float | bool | tuple[str, ...] | tuple[int, ...] | None


def environment() -> dict[str, str]:
    """What the programs need in their environment, whatever their working directory."""
    return {"PYTHONPATH": str(_PACKAGE.parent)}


@dataclass(frozen=True, kw_only=True)
class Process:
    """A program of this package in one host.

    out: its result file. start_at_ns, stop_at_ns: CLOCK_MONOTONIC; None: at once, until a
    signal ends it.
    """

    program: ClassVar[str]
    role: ClassVar[str] = ""
    needs_packages: ClassVar[bool] = False

    out: str
    start_at_ns: int | None = None
    stop_at_ns: int | None = None

    def argv(self, python: str) -> list[str]:
        """The command line. Run it with `environment()` added to the environment."""
        # -S: without site-packages Python starts in a third of the time.
        options = ["-P"] if self.needs_packages else ["-S", "-P"]
        command = [python, *options, str(_PACKAGE / f"{self.program}.py")]
        if self.role:
            command.append(self.role)
        for field in fields(self):
            command += _flag(field.name, getattr(self, field.name))
        return command


@dataclass(frozen=True, kw_only=True)
class Shaped(Process):
    """A program that follows a schedule (see schedule.py) between its start and its stop."""

    ramp_s: float | None = None
    on_s: float | None = None
    off_s: float | None = None


def _flag(name: str, value: Value) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    return [flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
