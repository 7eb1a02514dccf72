"""How do time and memory grow with the network? From 10 to 1,000 sites with a host each.

Each size is built several times, in rounds, and the quickest counts: what other programs of
the machine take away comes and goes.

In a guest, with a folder for the picture:
./fibercut exec --memory-mb 4096 --out growth -- python -m tests.benchmarks.build_growth
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import altair as alt
from rich.console import Console
from rich.table import Table

from tests.benchmarks.build_vs_mininet import benchmark_plan
from tests.benchmarks.standing import GUEST_OUT, Cost, cost_of
from tests.benchmarks.wall_clock import WallClock

SIZES = (10, 25, 50, 100, 200, 400, 600, 800, 1000)
ROUNDS = 2
_SPANS_PER_SITE = 1.2
# Below it, what a network costs whatever its size hides how the cost grows.
_FEWEST_SITES = 100
_QUANTITIES = {"build": "build_s", "take down": "take_down_s", "memory": "memory_mb"}
_WIDTH, _HEIGHT = 260, 200


@dataclass(frozen=True, slots=True)
class Growth:
    """How a quantity follows the number of sites.

    exponent: of the power law through the larger networks; 1 is linear.
    straightness: R² of the straight line through all of them.
    per_thousand: the slope of that line, for 1,000 sites.
    """

    exponent: float
    straightness: float
    per_thousand: float


def growth(sizes: Sequence[int], values: Sequence[float]) -> Growth:
    """Fit a quantity's values at these numbers of sites."""
    large = [(math.log(n), math.log(v)) for n, v in zip(sizes, values, strict=True)
             if n >= _FEWEST_SITES and v > 0]  # fmt: skip
    exponent = statistics.linear_regression(*zip(*large, strict=True)).slope
    line = statistics.linear_regression(sizes, values)
    return Growth(exponent, statistics.correlation(sizes, values) ** 2, line.slope * 1000)


def chart(sizes: Sequence[int], costs: Sequence[Cost]) -> alt.HConcatChart:
    """Time and memory over the number of sites."""
    times = [
        {"sites": n, "s": value, "what": what}
        for n, cost in zip(sizes, costs, strict=True)
        for what, value in (("build", cost.build_s), ("take down", cost.take_down_s))
    ]
    memory = [{"sites": n, "MB": cost.memory_mb} for n, cost in zip(sizes, costs, strict=True)]
    sites = alt.X("sites:Q", title="sites, with a host each")
    size = {"width": _WIDTH, "height": _HEIGHT}
    left = alt.Chart(alt.Data(values=times)).mark_line(point=True).properties(**size)
    right = alt.Chart(alt.Data(values=memory)).mark_line(point=True).properties(**size)
    return alt.hconcat(
        left.encode(sites, alt.Y("s:Q", title="wall time, s"), alt.Color("what:N", title=None)),
        right.encode(sites, alt.Y("MB:Q", title="memory of the guest, MB")),
    )


def main() -> None:
    """Measure, print a table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=GUEST_OUT, help="a folder of the host's")
    options = parser.parse_args()
    clock = WallClock(options.out)
    rounds = [[_measure(sites, clock) for sites in options.sizes] for _ in range(options.rounds)]
    clock.close()
    costs = [_best(same) for same in zip(*rounds, strict=True)]
    chart(options.sizes, costs).save(options.out / "build-growth.svg")
    Console(width=80).print(_table(options.sizes, costs))


def _measure(sites: int, clock: WallClock) -> Cost:
    links = sites + round(sites * _SPANS_PER_SITE)
    return cost_of(benchmark_plan(sites, 1, links, seed=7), clock)


def _best(costs: Sequence[Cost]) -> Cost:
    """The least times; the most memory, of which a later build finds some already taken."""
    return Cost(
        min(cost.build_s for cost in costs),
        min(cost.take_down_s for cost in costs),
        max(cost.memory_mb for cost in costs),
    )


def _table(sizes: Sequence[int], costs: Sequence[Cost]) -> Table:
    table = Table("sites", "build, s", "take down, s", "memory, MB")
    for column in table.columns:
        column.justify = "right"
    for sites, cost in zip(sizes, costs, strict=True):
        table.add_row(
            f"{sites:,}", f"{cost.build_s:.2f}", f"{cost.take_down_s:.2f}", f"{cost.memory_mb:,.0f}"
        )
    table.add_section()
    fits = [growth(sizes, [getattr(c, field) for c in costs]) for field in _QUANTITIES.values()]
    table.add_row("exponent", *(f"{fit.exponent:.2f}" for fit in fits))
    table.add_row("R² of a line", *(f"{fit.straightness:.3f}" for fit in fits))
    table.add_row("for 1,000 more", *(f"{fit.per_thousand:.2f}" for fit in fits))
    return table


if __name__ == "__main__":
    main()
