"""`fibercut study FILE`: a grid of scenarios, in parallel, resumed where it was left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from experiments.cli import values
from experiments.cli.ending import FAILED
from experiments.cli.options import kernel_source as kernel_source_option
from experiments.cli.telling import print_json, quiet_option, reporter
from experiments.cli.values import Integer
from experiments.sample_table import tables
from experiments.study.load import LoadedPoint, LoadedStudy, load_study, require_virtual
from guest import provide_kernel
from topologies.problems import InputError, Problem

_ASK_ABOVE = 10_000
_WIDTH_ELSEWHERE = 120


@click.command()
@click.argument("study", shell_complete=values.studies)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results; one that holds some is gone on with. Default: runs/study-NAME.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Of a Dask cluster, such as tcp://host:8786. Default: this machine's cores.",
)
@click.option("--workers", type=Integer(1), help="On this machine. Default: one a core.")
@click.option("--keep-samples", is_flag=True, help="Keep each trial's raw measurements too.")
@click.option("--retry-failed", is_flag=True, help="Run trials that failed once more.")
@click.option("--check", is_flag=True, help="Check the study and count its trials; run nothing.")
@click.option("--yes", is_flag=True, help=f"Do not ask before more than {_ASK_ABOVE:,} trials.")
@kernel_source_option
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@quiet_option(expose_value=True)
def study(study: str, **options: Any) -> int:
    """Run every trial of a grid over a scenario, and tell what they say together.

    STUDY is the name of a shipped study (see `fibercut list`) or a YAML file. The same command
    goes on where an interrupted one ended: what is there is not run again.
    """
    return _study(study, **options)


def _study(
    name: str,
    out: Path | None,
    scheduler: str | None,
    workers: int | None,
    keep_samples: bool,
    retry_failed: bool,
    check: bool,
    yes: bool,
    kernel_source: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    loaded = load_study(name)
    trials = loaded.trial_count()
    if trials > _ASK_ABOVE and not yes:
        _ask(loaded, trials)
    checked = loaded.checked_points()
    require_virtual(checked, loaded)
    if check:
        _print_check(name, loaded, _counts(loaded, checked, trials), as_json)
        return 0
    kernel = provide_kernel(kernel_source, reporter=reporter())
    # Dask and Arrow are slow to import.
    from experiments.study.run import Options, run_study  # noqa: PLC0415

    folder = out or Path("runs") / f"study-{loaded.study.name}"
    options = Options(folder, scheduler, workers, keep_samples, retry_failed, quiet)
    result = run_study(loaded, checked, kernel.release, options)
    if as_json:
        print_json({**result.table, "folder": str(folder)})
    else:
        _print(loaded, result)
    return FAILED if result.failed else 0


def _ask(loaded: LoadedStudy, trials: int) -> None:
    told = f"{loaded.study.name} has {trials:,} trials"
    if sys.stdin.isatty() and click.confirm(f"{told}; go on?", err=True):
        return
    message = f"{told}; leave out values of the grid or seeds, or give --yes to run them all"
    raise InputError([Problem(loaded.document.locate(("grid",)), message)])


def _counts(loaded: LoadedStudy, checked: list[LoadedPoint], trials: int) -> dict[str, int]:
    return {
        "points": len(checked),
        "policies": len(loaded.policies),
        "seeds": len(loaded.seeds),
        "trials": trials,
    }


def _print_check(name: str, loaded: LoadedStudy, counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        print_json({"valid": True, "study": loaded.study.name, **counts})
        return
    *parts, trials = (f"{number} {what}" for what, number in counts.items())
    click.echo(f"{name}: valid ({', '.join(parts)}: {trials})")


def _print(loaded: LoadedStudy, result: Any) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_ELSEWHERE)
    console.print(f"[bold]{loaded.study.name}[/bold]  {loaded.study.description}", highlight=False)
    for table in tables(result.table, loaded.study.figures):
        console.print(table)
    for sample in result.table["samples"]:
        for reason, times in sample["reasons"].items():
            at = ", ".join(f"{axis} = {value}" for axis, value in sample["point"].items())
            console.print(f"{times} failed: {sample['policy']} ({at}): {reason}", highlight=False)
    console.print(
        f"{result.table['trials']} trials, {result.failed} failed; {result.ran} run now in "
        f"{result.wall_s:.1f} s, {result.kept} there already\n"
        f"all trials: {result.folder / 'trials.parquet'} (and .csv)",
        highlight=False,
    )
