"""`fibercut export RUN`: a run's tables as CSV or Parquet files."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.telling import json_option, print_json
from topologies.problems import InputError, Problem

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--csv", "csv", type=_FOLDER, metavar="DIR", help="Write CSV files.")
@click.option("--parquet", "parquet", type=_FOLDER, metavar="DIR", help="Write Parquet files.")
@json_option
def export(run: Path, csv: Path | None, parquet: Path | None, as_json: bool) -> int:
    """Write a run's tables, all trials together, into a new folder.

    RUN is a run's folder, such as runs/latest. Each table has the columns policy and seed first;
    `figures` has a row for each number of the summary.
    """
    # Arrow is slow to import.
    from experiments.measurements.exporting import export as export_run  # noqa: PLC0415
    from experiments.measurements.runs import open_run  # noqa: PLC0415

    if csv is None and parquet is None:
        raise InputError([Problem("export", "give --csv DIR, --parquet DIR or both")])
    found = open_run(run)
    written: list[Path] = []
    if csv is not None:
        written += export_run(found, csv, "csv")
    if parquet is not None:
        written += export_run(found, parquet, "parquet")
    if as_json:
        print_json({"files": [str(path) for path in written]})
        return 0
    for path in written:
        click.echo(path)
    return 0
