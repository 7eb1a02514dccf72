"""What a guest's log says about its death."""

from __future__ import annotations

import signal
from pathlib import Path

from guest.settings import GuestSettings

_SHOWN_LINES = 12
_TAIL_BYTES = 1 << 16
_PTRACE_WARNING = (
    "this machine does not let the guest use seccomp; it ran in the slower ptrace mode"
    " (a seed is a replay there too, but of another run than with seccomp)"
)


def died(exit_code: int | None, log: Path, settings: GuestSettings) -> str:
    """Why a guest ended without handing over an exit status, in one sentence."""
    text = _tail(log)
    if "panic_on_oom" in text:
        return f"the guest ran out of memory: {settings.memory_mb} MB are too little (memory_mb)"
    if "sleep forever" in text:
        return "everything in the guest waits for ever: no timer is left that could wake it"
    if "Kernel panic" in text:
        return "the guest's kernel gave up (panic)"
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"the guest was killed from outside ({name}); did this machine run out of memory?"
    return f"the guest died (exit status {exit_code})"


def mode_warnings(log: Path) -> tuple[str, ...]:
    """What made this guest slower than it could be."""
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            if "seccomp filters can be installed" in line and "OK" not in line:
                return (_PTRACE_WARNING,)
    return ()


def last_lines(log: Path) -> list[str]:
    """The end of the log, for an error message."""
    lines = [line.rstrip() for line in _tail(log).splitlines()]
    return [line for line in lines if line][-_SHOWN_LINES:]


def _tail(log: Path) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
