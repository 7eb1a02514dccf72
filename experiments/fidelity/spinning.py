"""Who spun the virtual clock: processor time, of which a process that sleeps takes none.

In the guest's virtual time the processor is infinitely fast, and the clock stands still while
anything runs. It moves only by what reading it costs; so a process has processor time if it
polls the clock instead of sleeping.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from traffic.clock import NS_PER_S, now_ns

_PROC = Path("/proc")
_ENDED = "a program that has ended"


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Processor time at one moment: of each process by its id, and of all that have ended."""

    at_ns: int
    processes: Mapping[int, tuple[str, int]]
    """Name and ns."""
    ended_ns: int


def cpu_times() -> CpuTimes:
    """What every process has taken until now. It takes no virtual time but two clock readings."""
    found = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended just now
                found[int(folder.name)] = (_name(folder), _process_ns(int(folder.name)))
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return CpuTimes(now_ns(), found, round((ended.ru_utime + ended.ru_stime) * NS_PER_S))


def _process_ns(pid: int) -> int:
    # As clock_getcpuclockid(3): the clock of a process is its inverted id and the kind «sched».
    return time.clock_gettime_ns((~pid << 3) | 2)


def _name(folder: Path) -> str:
    """A Python program by its module, any other by its command."""
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if "-m" in words[:-2]:
        return " ".join(words[words.index("-m") + 1 :][:2]).strip()
    return (folder / "comm").read_text().strip()


def spinning(before: CpuTimes, after: CpuTimes) -> dict[str, float | str | None]:
    """The process that took most of the time between, and its share of it."""
    took_ns = max(1, after.at_ns - before.at_ns)
    taken = [
        (ns - (before.processes.get(pid, ("", 0))[1]), f"{name} (process {pid})")
        for pid, (name, ns) in after.processes.items()
        if pid != os.getpid()
    ]
    taken.append((after.ended_ns - before.ended_ns, _ENDED))
    most_ns, name = max(taken)
    return {
        "spin_share": most_ns / took_ns,
        "spin_process": name if most_ns else None,
    }
