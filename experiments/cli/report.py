"""`fibercut report RUN...`: the page of a run that is there, or of several side by side."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.ending import cannot_write
from experiments.cli.telling import json_option, print_json, quiet_option

_RUNS = click.Path(path_type=Path)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=_RUNS, metavar="RUN...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write.  [default: report.html in the run's folder; of several runs, here]",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the charts and the map for a paper instead: SVG and PDF, with their data as CSV.",
)
@json_option
@quiet_option()
def report(runs: tuple[Path, ...], out: Path | None, figures: Path | None, as_json: bool) -> None:
    """Write the report of RUN, a run's folder such as runs/latest, as one HTML file.

    Several runs of one scenario that differ in seeds and policies alone are put together; others
    stand side by side.
    """
    if out is not None and figures is not None:
        raise click.UsageError("--out names a page and --figures writes none; give one of them")
    # Charts are slow to import.
    from experiments.report.page import write_report  # noqa: PLC0415

    if figures is not None:
        _tell(_written_figures(figures, runs), as_json)
        return
    path = out or (runs[0] / "report.html" if len(runs) == 1 else Path("report.html"))
    with cannot_write(path, "--out"):
        write_report(path, runs)
    _tell([path], as_json)


def _written_figures(folder: Path, runs: tuple[Path, ...]) -> list[Path]:
    from experiments.report.figures import write_figures  # noqa: PLC0415 - as above
    from experiments.report.read import read_runs  # noqa: PLC0415

    found = read_runs(runs)
    with cannot_write(folder, "--figures"):
        return write_figures(folder, found)


def _tell(written: list[Path], as_json: bool) -> None:
    if as_json:
        print_json({"files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(path)
