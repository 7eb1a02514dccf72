"""What do inference requests cost? Wall time and memory, for more and more requests.

Each list is sent over one link at a fixed pace, in a guest:

./fibercut exec --memory-mb 2048 --out cost -- python -m tests.benchmarks.inference_cost
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.standing import GUEST_OUT
from tests.benchmarks.wall_clock import WallClock
from tests.emulation.stars import SECOND_NS, soon_ns, star, start
from traffic.describe import InferenceLoad, InferenceServer
from traffic.request_plan import PlannedRequest, write_plan

MILLION = 1_000_000
PROMPT_TOKENS, RATE_RPS = 500, 500
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one list: wall time in s, packets of both directions, peak memory in MB."""

    requests: int
    tokens: int
    wall_s: float
    packets: int
    load_mb: float
    server_mb: float


def measure(requests: int, tokens: int, clock: WallClock) -> Cost:
    """Send `requests` requests with answers of `tokens` tokens."""
    with tempfile.TemporaryDirectory() as name, star(2, 1000.0, 5.0) as (user, edge):
        folder = Path(name)
        gap_ns = SECOND_NS // RATE_RPS
        plan = (PlannedRequest(n * gap_ns, PROMPT_TOKENS, tokens) for n in range(requests))
        write_plan(str(folder / "plan"), plan)
        server = start(edge, InferenceServer(
            out=str(folder / "server"), port=8000, slots=10_000, prefill_ms=20.0, decode_ms=15.0,
        ))  # fmt: skip
        begin_s = clock.now_s()
        load = start(user, InferenceLoad(
            out=str(folder / "log"), servers=("10.0.1.2:8000",), requests=str(folder / "plan"),
            start_at_ns=soon_ns(),
        ))  # fmt: skip
        load_mb = _peak_until_end(load)
        wall_s = clock.now_s() - begin_s
        server_mb = _peak_mb(server.pid)
        packets = _packets(user)
        server.terminate()
        server.wait()
        assert json.loads((folder / "server").read_text())["completed"] == requests
    return Cost(requests, tokens, wall_s, packets, load_mb, server_mb)


def _peak_until_end(process: subprocess.Popen[bytes]) -> float:
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, _peak_mb(process.pid))
        time.sleep(_POLL_S)
    assert process.returncode == 0
    return peak_mb


def _peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def _packets(space: str) -> int:
    told = subprocess.run(
        ["ip", "-n", space, "-j", "-s", "link", "show", "eth"], check=True, capture_output=True
    )
    counters = json.loads(told.stdout)[0]["stats64"]
    return int(counters["rx"]["packets"] + counters["tx"]["packets"])


def main() -> None:
    """Print a line for each list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="+", default=[2_000, 8_000, 32_000])
    parser.add_argument("--tokens", type=int, nargs="+", default=[1, 40])
    args = parser.parse_args()
    table = Table(
        "requests", "tokens", "wall, s", "min per 10⁶ requests", "packets", "s per 10⁶ packets",
        "load, MB", "server, MB",
    )  # fmt: skip
    clock = WallClock(Path(GUEST_OUT))
    for tokens in args.tokens:
        for requests in args.requests:
            cost = measure(requests, tokens, clock)
            table.add_row(
                f"{cost.requests:,}", f"{cost.tokens}", f"{cost.wall_s:.1f}",
                f"{cost.wall_s * MILLION / cost.requests / 60:.1f}", f"{cost.packets:,}",
                f"{cost.wall_s * MILLION / cost.packets:.1f}", f"{cost.load_mb:.1f}",
                f"{cost.server_mb:.1f}",
            )  # fmt: skip
    clock.close()
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
