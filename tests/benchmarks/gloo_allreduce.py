"""PyTorch's Gloo all-reduce on the same hosts as ours: a real peer's time beside the model's.

Needs an interpreter with PyTorch (Debian: apt-get install python3-torch); it is no dependency.

    ./fibercut exec --memory-mb 4096 -- python -m tests.benchmarks.gloo_allreduce \
        --python /usr/bin/python3

With four ranks PyTorch 1.13's processes kept the virtual clock still until the guest's watch ended
them, also when they had loaded PyTorch one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.emulation.collective_times import Case, mean_s, measure
from tests.emulation.stars import star

ITERATIONS, WARM_UP = 6, 20
_PROBE = "import torch.distributed as d; assert d.is_gloo_available()"
# Runs in an interpreter that may know nothing of this project.
_RANK = """
import json, sys, time
import torch, torch.distributed as dist
print("ready", flush=True)
sys.stdin.readline()
rank, ranks, numbers, warm_up, iterations = map(int, sys.argv[1:6])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method="tcp://10.0.0.2:7500", rank=rank, world_size=ranks)
vector, times = torch.zeros(numbers, dtype=torch.int32), []
for number in range(warm_up + iterations):
    vector.fill_(rank + 1)
    dist.barrier()
    before = time.monotonic_ns()
    dist.all_reduce(vector)
    times.append((before, time.monotonic_ns()))
    assert int(vector[0]) == int(vector[-1]) == ranks * (ranks + 1) // 2
json.dump(times[warm_up:], open(sys.argv[6], "w"))
dist.barrier()
"""


def main() -> None:
    """Print both beside the model of a ring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable, help="with PyTorch")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000])
    args = parser.parse_args()
    if subprocess.run([args.python, "-c", _PROBE], capture_output=True, check=False).returncode:
        sys.exit(f"{args.python} has no PyTorch with Gloo; see python -m {__spec__.name} --help")
    columns = "{:>6}{:>12}{:>16}{:>14}{:>10}{:>14}{:>10}"
    print(columns.format("ranks", "size, B", "model, ms", "ring, ms", "ratio", "gloo, ms", "ratio"),
          flush=True)  # fmt: skip
    for ranks in args.ranks:
        for size in args.sizes:
            case = Case("all-reduce", "ring", ranks, size // (4 * ranks) * 4 * ranks)
            with TemporaryDirectory() as folder, star(ranks, 100.0, 5.0) as hosts:
                ours_s = mean_s(measure(case, hosts, Path(folder), ITERATIONS, WARM_UP))
                gloo_s = _gloo_s(args.python, case, hosts, Path(folder))
            print(columns.format(
                ranks, f"{case.size:,}", f"{case.bound_s * 1e3:.3f}", f"{ours_s * 1e3:.3f}",
                f"{ours_s / case.bound_s:.3f}", f"{gloo_s * 1e3:.3f}",
                f"{gloo_s / case.bound_s:.3f}",
            ), flush=True)  # fmt: skip


def _gloo_s(python: str, case: Case, hosts: Sequence[str], out: Path) -> float:
    """From the first rank's start to the last rank's end, on average."""
    running = [_rank(python, case, rank, host, out) for rank, host in enumerate(hosts)]
    for one in running:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.close()
    assert [one.wait() for one in running] == [0] * case.ranks
    logs = [json.loads((out / f"gloo-{rank}").read_text()) for rank in range(case.ranks)]
    times_ns = [
        max(e for _, e in runs) - min(b for b, _ in runs) for runs in zip(*logs, strict=True)
    ]
    mean_ns: float = statistics.mean(times_ns)
    return mean_ns / 1e9


def _rank(python: str, case: Case, rank: int, host: str, out: Path) -> subprocess.Popen[str]:
    """A rank that has loaded PyTorch, which takes long and no virtual time.

    Several that load it side by side would look to the guest's watch like a program that spins.
    """
    process = subprocess.Popen(
        [
            *("ip", "netns", "exec", host, python, "-c", _RANK, str(rank), str(case.ranks)),
            *map(str, (case.size // 4, WARM_UP, ITERATIONS, out / f"gloo-{rank}")),
        ],
        env={**os.environ, "GLOO_SOCKET_IFNAME": "eth"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.001)  # all wait: the clock moves
    return process


if __name__ == "__main__":
    main()
