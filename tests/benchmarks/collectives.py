"""Collectives in virtual time against the model, over the whole grid of ranks and sizes.

./fibercut exec --memory-mb 2048 --out FOLDER -- python -m tests.benchmarks.collectives
... --ranks 2,4 --sizes 10000,1000000 --algorithms ring      # a part of it
"""

from __future__ import annotations

import argparse
import os
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.wall_clock import WallClock
from tests.emulation.collective_times import Case, mean_s, measure
from tests.emulation.stars import star
from traffic.collectives.schedule import ELEMENT_BYTES

RANKS = (2, 3, 4, 8, 13, 16)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


def main() -> None:
    """Print the time of each case beside the model's."""
    args = _arguments()
    wall = WallClock(Path(os.environ["FIBERCUT_OUT"]))
    columns = "{:16}{:>6}{:>14}{:>14}{:>14}{:>9}{:>7}{:>9}"
    print(columns.format(
        "algorithm", "ranks", "size, B", "model, ms", "measured, ms", "ratio", "wrong", "wall, s"
    ), flush=True)  # fmt: skip
    for ranks, size, algorithm in product(args.ranks, args.sizes, args.algorithms.split(",")):
        case = _case(args, algorithm, ranks, size)
        # Warm until the windows of all pairs hold a delay's worth of bytes.
        warm_up = args.warm_up if size < 10_000_000 else min(args.warm_up, 3)
        before_s = wall.now_s()
        with TemporaryDirectory() as folder, star(ranks, case.rate_mbps, case.delay_ms) as hosts:
            logs = measure(case, hosts, Path(folder), args.iterations, warm_up, args.verify)
        found_s = mean_s(logs)
        wrong = {run.wrong for log in logs for run in log}
        print(columns.format(
            algorithm, ranks, f"{case.size:,}", f"{case.bound_s * 1e3:.3f}",
            f"{found_s * 1e3:.3f}", f"{found_s / case.bound_s:.4f}",
            str(sum(w or 0 for w in wrong)) if args.verify else "-",
            f"{wall.now_s() - before_s:.1f}",
        ), flush=True)  # fmt: skip
    wall.close()


def _case(args: argparse.Namespace, algorithm: str, ranks: int, size: int) -> Case:
    half = ranks // 2
    groups = (tuple(range(half)), tuple(range(half, ranks)))
    # A multiple of what all ranks divide evenly.
    size = max(1, size // (ELEMENT_BYTES * ranks)) * ELEMENT_BYTES * ranks
    return Case(
        args.collective, algorithm, ranks, size, args.rate_mbps, args.delay_ms,
        groups if algorithm == "hierarchical" else (), args.connections, args.piece_bytes,
    )  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranks", type=_numbers, default=RANKS)
    parser.add_argument("--sizes", type=_numbers, default=SIZES)
    parser.add_argument("--algorithms", default="ring,halving-doubling,double-tree")
    parser.add_argument("--collective", default="all-reduce")
    parser.add_argument("--rate-mbps", type=float, default=100.0)
    parser.add_argument("--delay-ms", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--piece-bytes", type=int, default=16_384)
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--warm-up", type=int, default=24)
    parser.add_argument("--verify", action="store_true")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(item) for item in text.split(",")]


if __name__ == "__main__":
    main()
