"""Build a network, look at it while it stands, take it down: what that costs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.wall_clock import WallClock
from topologies.build import build_network
from topologies.plan import NetworkPlan

GUEST_OUT = Path("/run/fibercut/out")
# In virtual time a moment passes only when nothing is left to do, in the kernel either.
_MOMENT_S = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall times in seconds, and the machine's memory that the standing network takes."""

    build_s: float
    take_down_s: float
    memory_mb: float


def cost_of(plan: NetworkPlan, clock: WallClock) -> Cost:
    """Build and take down once; each ends when the machine has nothing left to do."""
    free_before_mb = _available_mb()
    begin_s = clock.now_s()
    with build_network(plan) as network:
        time.sleep(_MOMENT_S)
        built_s = clock.now_s()
        memory_mb = free_before_mb - _available_mb()
        assert len(network.hosts) == len(plan.hosts)
        leave_s = clock.now_s()
    time.sleep(_MOMENT_S)
    return Cost(built_s - begin_s, clock.now_s() - leave_s, memory_mb)


def _available_mb() -> float:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    raise LookupError("this kernel does not tell MemAvailable")
