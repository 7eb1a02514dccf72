"""What a collective costs: wall time and memory for each GB that its ranks send.

./fibercut exec --memory-mb 2048 --out FOLDER -- python -m tests.benchmarks.collective_cost
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.wall_clock import WallClock
from tests.emulation.collective_times import Case, measure
from tests.emulation.stars import star

SIZE, ITERATIONS = 1_000_000, 40
CASES = (
    ("all-reduce", "ring", 2, 1, False),
    ("all-reduce", "ring", 2, 1, True),
    ("all-reduce", "ring", 8, 1, False),
    ("all-reduce", "halving-doubling", 8, 1, False),
    ("all-reduce", "double-tree", 8, 1, False),
    ("all-reduce", "ring", 2, 8, False),
    ("all-to-all", "direct", 8, 1, False),
)


def main() -> None:
    """Print a line for each case; starting the programs is taken off."""
    wall = WallClock(Path(os.environ["FIBERCUT_OUT"]))
    columns = "{:12}{:18}{:>6}{:>13}{:>8}{:>10}{:>14}{:>20}"
    print(columns.format("collective", "algorithm", "ranks", "connections", "verify", "sent, GB",
                         "wall s per GB", "most memory, MB"), flush=True)  # fmt: skip
    for collective, algorithm, ranks, connections, verify in CASES:
        case = Case(collective, algorithm, ranks, SIZE, connections=connections)
        with TemporaryDirectory() as folder, star(ranks, case.rate_mbps, case.delay_ms) as hosts:
            idle_s, _ = _run(wall, case, hosts, Path(folder), 1, verify)
            busy_s, sent = _run(wall, case, hosts, Path(folder), ITERATIONS, verify)
        gigabytes = sent * (ITERATIONS - 1) / ITERATIONS / 1e9
        print(columns.format(
            collective, algorithm, ranks, connections, str(verify), f"{gigabytes:.3f}",
            f"{(busy_s - idle_s) / gigabytes:.1f}", f"{_largest_mb():.0f}",
        ), flush=True)  # fmt: skip
    wall.close()


def _run(
    wall: WallClock, case: Case, hosts: list[str], out: Path, iterations: int, verify: bool
) -> tuple[float, int]:
    before_s = wall.now_s()
    logs = measure(case, hosts, out, iterations, warm_up=0, verify=verify)
    return wall.now_s() - before_s, sum(run.sent_bytes for log in logs for run in log)


def _largest_mb() -> float:
    """Resident memory of the largest program so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
