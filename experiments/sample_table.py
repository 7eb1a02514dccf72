"""Statistics of samples as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from experiments.flat import chosen
from experiments.rows import MISSING, figure_text


def tables(statistics: Mapping[str, Any], figures: Sequence[str]) -> Iterator[Table]:
    """A table of quantiles for each figure that fits a pattern; then the comparisons."""
    samples, comparisons = statistics["samples"], statistics["comparisons"]
    level = f"{100 * statistics['confidence_level']:g} %"
    for name in chosen((name for one in samples for name in one["figures"]), figures):
        yield _quantiles(name, samples, level)
        compared = [one for one in comparisons if name in one["figures"]]
        if compared:
            yield _differences(name, compared, level)


def _quantiles(name: str, samples: Sequence[Mapping[str, Any]], level: str) -> Table:
    columns = ("policy", "trials", "without", f"median [{level}]", f"p95 [{level}]", "p99", "max")
    table = _table(name, samples[0]["point"], columns)
    for sample in samples:
        found = sample["figures"].get(name)
        cells = [sample["policy"], str(sample["trials"])]
        if found is None:
            cells += [str(sample["trials"]), *[MISSING] * 4]
        else:
            cells += [
                str(found["missing"]),
                with_interval(found["median"], found["median_ci"]),
                with_interval(found["p95"], found["p95_ci"]),
                figure_text(found["p99"]),
                figure_text(found["max"]),
            ]
        table.add_row(*map(str, sample["point"].values()), *cells)
    return table


def _differences(name: str, comparisons: Sequence[Mapping[str, Any]], level: str) -> Table:
    columns = ("difference, seed by seed", "pairs", f"median [{level}]", f"mean [{level}]")
    table = _table(name, comparisons[0]["point"], columns)
    for one in comparisons:
        found = one["figures"][name]
        table.add_row(
            *map(str, one["point"].values()),
            f"{one['second']} less {one['first']}",
            str(found["n"]),
            with_interval(found["median"], found["median_ci"]),
            with_interval(found["mean"], found["mean_ci"]),
        )
    return table


def _table(name: str, point: Mapping[str, Any], columns: Sequence[str]) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold", pad_edge=False)
    for axis in point:
        table.add_column(escape(axis), overflow="fold")
    for column in columns:
        words = column in ("policy", "difference, seed by seed")
        table.add_column(column, justify="left" if words else "right")
    return table


def with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    """A figure with the interval in which it may lie, if one is known."""
    if interval is None:
        return figure_text(value)
    return f"{figure_text(value)} \\[{figure_text(interval[0])}, {figure_text(interval[1])}]"
