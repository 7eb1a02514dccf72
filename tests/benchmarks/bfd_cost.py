"""What does BFD cost at each pace, while nothing else happens? A triangle of three spans.

In a guest: ./fibercut exec --out cost -- python -m tests.benchmarks.bfd_cost
prints the packets and the wall time of a virtual second. With `--clock real` it tells the CPU
time of ovs-vswitchd instead, which handles each packet: in virtual time programs take none.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.bfd_under_load import all_up, control_sent, triangle_plan
from tests.benchmarks.standing import GUEST_OUT
from tests.benchmarks.wall_clock import WallClock
from tests.emulation.built_networks import eventually
from topologies.build import BfdTimers, build_network
from topologies.builder.daemon import daemon_pid

INTERVALS_MS = (1, 3, 10, 30, 100, 300)
_MULTIPLIER = 3
_LINE_MBPS = 100.0
# A session keeps the slow pace of its beginning for up to a second after it is up.
_SETTLE_S = 1.5
_USER, _SYSTEM = 13, 14  # fields of /proc/PID/stat after the program's name, from proc(5)


@dataclass(frozen=True, slots=True)
class Cost:
    """Per direction of a span; wall_ms, cpu_ms: of a second of all six session ends together."""

    pps: float
    kbps: float
    wall_ms: float
    cpu_ms: float


def cost(interval_ms: int, duration_s: float, wall: WallClock) -> Cost:
    """Let BFD run for so long."""
    plan = triangle_plan(_LINE_MBPS, classes=False)
    ends = [port.interface for span in plan.spans for port in (span.a, span.b)]
    with build_network(plan, bfd=BfdTimers(interval_ms, _MULTIPLIER)):
        if not eventually(lambda: all_up(ends), 60):
            raise RuntimeError("BFD did not come up")
        time.sleep(_SETTLE_S)
        before = (*control_sent(ends), wall.now_s(), _cpu_s())
        start_s = time.monotonic()
        time.sleep(duration_s)
        took_s = time.monotonic() - start_s
        after = (*control_sent(ends), wall.now_s(), _cpu_s())
    packets, octets, wall_s, cpu_s = (
        (now - then) / took_s for now, then in zip(after, before, strict=True)
    )
    return Cost(packets / len(ends), octets * 8 / 1000 / len(ends), wall_s * 1000, cpu_s * 1000)


def _cpu_s() -> float:
    """CPU time of ovs-vswitchd so far."""
    stat = Path(f"/proc/{daemon_pid()}/stat").read_text(encoding="ascii")
    fields = ["", "", *stat.rpartition(")")[2].split()]
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure each pace and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--intervals-ms", type=int, nargs="+", default=list(INTERVALS_MS))
    parser.add_argument("--out", type=Path, default=GUEST_OUT, help="a folder of the host's")
    options = parser.parse_args()
    wall = WallClock(options.out)
    table = Table("interval, ms", "packets/s", "kbit/s", "wall, ms/s", "CPU, ms/s")
    for interval_ms in options.intervals_ms:
        found = cost(interval_ms, options.seconds, wall)
        table.add_row(
            str(interval_ms), f"{found.pps:.1f}", f"{found.kbps:.1f}",
            f"{found.wall_ms:.0f}", f"{found.cpu_ms:.0f}",
        )  # fmt: skip
    wall.close()
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
