"""Reads how a machine treats its processes: `python -m experiments.fidelity.sampler OUT.json`.

It wakes every few milliseconds and notes how late it was; at SIGTERM it writes that, and what
the kernel counted meanwhile. For the clock `real`: in virtual time no timer is late.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from traffic.clock import NS_PER_MS, NS_PER_S, AbsoluteSleep, now_ns, wake_exactly
from traffic.stopping import Stop

_PERIOD_NS = 5 * NS_PER_MS
_NS_PER_US = 1000
_PROC = Path("/proc")
_IDLE = (3, 4)  # the columns «idle» and «iowait» of /proc/stat


def main(arguments: list[str]) -> int:
    """Sample until SIGTERM."""
    stop = Stop().on_signals()
    wake_exactly()
    late_us: Counter[int] = Counter()
    sleep = AbsoluteSleep()
    began_ns, before = now_ns(), kernel_counts(_PROC)
    due_ns = began_ns
    while not (stop.requested and late_us):  # one reading at least
        due_ns += _PERIOD_NS
        if sleep(due_ns):
            late_ns = now_ns() - due_ns
            late_us[max(0, late_ns) // _NS_PER_US] += 1
            due_ns += late_ns // _PERIOD_NS * _PERIOD_NS  # those missed are one late one
    readings = lateness(late_us) | shares(before, kernel_counts(_PROC), now_ns() - began_ns)
    Path(arguments[0]).write_text(json.dumps(readings) + "\n", encoding="utf-8")
    return 0


def lateness(late_us: Mapping[int, int]) -> dict[str, float | None]:
    """Of wake-ups, counted by how late they were (µs): nearest-rank 99th percentile and maximum."""
    count = sum(late_us.values())
    if not count:
        return {"timer_samples": 0, "timer_late_p99_ms": None, "timer_late_max_ms": None}
    rank, seen, p99_us = -(-99 * count // 100), 0, 0
    for late in sorted(late_us):
        seen += late_us[late]
        if seen >= rank:
            p99_us = late
            break
    return {
        "timer_samples": count,
        "timer_late_p99_ms": p99_us / 1000,
        "timer_late_max_ms": max(late_us) / 1000,
    }


def kernel_counts(proc: Path) -> dict[str, int | None]:
    """All cores' ticks, those that were taken, and µs in which some process waited for a core.

    The last is the kernel's pressure stall information (Documentation/accounting/psi.rst);
    None where the kernel does not count it.
    """
    ticks = [int(word) for word in (proc / "stat").read_text().splitlines()[0].split()[1:9]]
    return {
        "ticks": sum(ticks),
        "taken": sum(ticks) - sum(ticks[column] for column in _IDLE),
        "waited_us": _pressure_us(proc / "pressure" / "cpu"),
    }


def _pressure_us(path: Path) -> int | None:
    try:
        words = path.read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    return next((int(w.partition("=")[2]) for w in words if w.startswith("total=")), None)


def shares(
    before: Mapping[str, int | None], after: Mapping[str, int | None], took_ns: int
) -> dict[str, float | None]:
    """The parts of a time: of all cores' that was taken, and in which somebody waited."""
    ticks = (after["ticks"] or 0) - (before["ticks"] or 0)
    taken = (after["taken"] or 0) - (before["taken"] or 0)
    first, last = before["waited_us"], after["waited_us"]
    waited = None if first is None or last is None else (last - first) * _NS_PER_US / took_ns
    return {
        "sampled_s": took_ns / NS_PER_S,
        "cpu_share": taken / ticks if ticks else None,
        "cpu_wait_share": waited,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
