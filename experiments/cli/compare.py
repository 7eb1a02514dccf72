"""`fibercut compare A B`: two runs, or two policies, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from experiments.cli.ending import cannot_write
from experiments.cli.telling import json_option, print_json, quiet_option
from experiments.disk import written_whole
from experiments.flat import HEADLINES
from experiments.rows import MISSING, figure_text
from experiments.sample_table import with_interval

if TYPE_CHECKING:
    from experiments.report.differences import Differences

_WIDTH_ELSEWHERE = 120


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--figure",
    "figures",
    multiple=True,
    help="Tell this figure, such as '**.tbm_ms' (repeatable); '**' tells all.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with both side by side, as HTML.",
)
@json_option
@quiet_option()
def compare(
    first: str, second: str, figures: Sequence[str], out: Path | None, as_json: bool
) -> None:
    """Compare A and B, each a run's folder, or RUN:POLICY for one of its policies.

    Without policies, those that both runs have are compared. Where both have trials with the same
    seeds, differences are told seed by seed, with their intervals.
    """
    # Charts are slow to import.
    from experiments.report.comparison import compared  # noqa: PLC0415
    from experiments.report.page import report_page  # noqa: PLC0415

    found = compared(first, second, figures or HEADLINES)
    if out is not None:
        page = report_page(found.runs, found.joined, found.differences)
        with cannot_write(out, "--out"), written_whole(out) as unfinished:
            unfinished.write_text(page, encoding="utf-8")
    if as_json:
        told = [asdict(one) for one in found.differences]
        print_json(told)
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_ELSEWHERE)
    for one in found.differences:
        console.print(_table(one))
    if out is not None:
        console.print(f"page {out}", highlight=False)


def _table(found: Differences) -> Table:
    title = f"{found.second} less {found.first}"
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("figure", overflow="fold")
    for column in (found.first, found.second, "difference", "pairs"):
        table.add_column(column, justify="right")
    for row in found.rows:
        paired = row.paired
        cells = [with_interval(one.median, one.median_ci) for one in (row.first, row.second)]
        if paired is None:
            cells += [MISSING, "0"]
        else:
            cells += [with_interval(paired.median, paired.median_ci), str(paired.n)]
        table.add_row(row.figure, *cells, style="bold" if row.clear else "")
    if not found.rows:
        table.add_row(f"no such figure in both ({figure_text(None)})", *[""] * 4)
    return table
