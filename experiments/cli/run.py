"""`fibercut run SCENARIO` and `fibercut demo`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from controller.policies import POLICIES
from experiments.cli import values
from experiments.cli.ending import FAILED, INTERRUPTED
from experiments.cli.import_options import tell_notes
from experiments.cli.options import kernel_source as kernel_source_option
from experiments.cli.telling import print_json, quiet_option, reporter
from experiments.cli.values import Integer, OneOf
from experiments.cli.watching import LIVE_OPTIONS, check_live, watched
from experiments.flat import HEADLINES
from experiments.live.run import LiveRun
from experiments.machine_check import check_real_clock
from experiments.privileges import go_on_as_root, results_for_caller
from experiments.progress import progress
from experiments.run_folder import new_run_folder
from experiments.runner import RunResult
from experiments.runner import run as run_scenario
from experiments.sample_table import tables
from experiments.scenario import Clock
from experiments.scenario_load import LoadedScenario, load_scenario
from experiments.table import render
from experiments.trial_job import trial_names
from guest import GuestKernel, provide_kernel
from topologies.problems import InputError, Problem, unknown

_WIDTH_ELSEWHERE = 120
_SEED = Integer(0, 2**63 - 1)


def _options(command: Any) -> Any:
    options = (
        click.option("--seed", type=_SEED, help="Of all random numbers; default: the scenario's."),
        click.option(
            "--trials",
            type=Integer(1, 10_000),
            help="Of each policy, with the seeds seed, seed + 1, …; default: the scenario's.",
        ),
        click.option(
            "--figure",
            "figures",
            multiple=True,
            help="Of several trials, tell this figure's statistics, such as '**.tbm_ms' "
            "(repeatable); summary.json has all.",
        ),
        click.option(
            "--clock",
            type=OneOf([clock.value for clock in Clock]),
            help="virtual (in the guest) or real (this machine, as root); default: the scenario's.",
        ),
        click.option(
            "--policy",
            "policies",
            multiple=True,
            shell_complete=values.policies,
            help="Only this policy (repeatable).",
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("runs"),
            show_default=True,
            help="Folder for the results.",
        ),
        kernel_source_option,
        *LIVE_OPTIONS,
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
        quiet_option(expose_value=True),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("scenario", shell_complete=values.scenarios)
@_options
def run(scenario: str, **options: Any) -> int:
    """Run a scenario: each of its policies in a network of its own, and compare them.

    SCENARIO is the name of a shipped scenario (see `fibercut list`) or a YAML file.
    """
    return _run(scenario, **options)


@click.command()
@_options
def demo(**options: Any) -> int:
    """Run the main experiment: a conduit of the AI backbone is cut, and heals."""
    return _run("fiber-cut", **options)


def _run(
    name: str,
    seed: int | None,
    trials: int | None,
    figures: Sequence[str],
    clock: str | None,
    policies: Sequence[str],
    out: Path,
    kernel_source: Path | None,
    live: bool,
    speed: float | None,
    port: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    loaded = _with_options(load_scenario(name), seed, trials, clock, policies)
    check_live(loaded, live, speed, port)
    if loaded.scenario.clock is Clock.REAL:
        go_on_as_root()
    tell_notes(loaded.topology)
    with watched(loaded, speed, port, stays=False) if live else nullcontext() as watcher:
        return carry_out(loaded, out, kernel_source, watcher, figures, as_json, quiet)


def carry_out(
    loaded: LoadedScenario,
    out: Path,
    kernel_source: Path | None,
    watcher: LiveRun | None,
    figures: Sequence[str] = (),
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Run a scenario and tell its results. Returns the exit status."""
    kernel: GuestKernel | None = None
    if loaded.scenario.clock is Clock.REAL:
        check_real_clock()
    else:
        kernel = provide_kernel(kernel_source, reporter=reporter())
    with results_for_caller(out):
        folder = new_run_folder(out, loaded.scenario.name)
        with progress(trial_names(loaded.scenario), quiet) as shown:
            result = run_scenario(loaded, folder, kernel, shown, watcher)
        if watcher is not None:
            watcher.finish(result.summary, result.folder)
    if as_json:
        print_json(_as_json(result))
    else:
        _print(result, figures or HEADLINES)
    statuses = {"ok": 0, "failed": FAILED, "interrupted": INTERRUPTED}
    return statuses[result.summary["status"]]


def _with_options(
    loaded: LoadedScenario,
    seed: int | None,
    trials: int | None,
    clock: str | None,
    policies: Sequence[str],
) -> LoadedScenario:
    wrong = [name for name in policies if name not in POLICIES]
    if wrong:
        raise InputError([Problem("--policy", unknown("policy", n, POLICIES)) for n in wrong])
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seed"] = seed
    if trials is not None:
        changes["trials"] = trials
    if clock is not None:
        changes["clock"] = Clock(clock)
    if policies:
        changes["policies"] = tuple(dict.fromkeys(policies))
    scenario = loaded.scenario.model_copy(update=changes)
    return replace(loaded, scenario=scenario)


def _as_json(result: RunResult) -> dict[str, Any]:
    return {**result.summary, "folder": str(result.folder)}


def _print(result: RunResult, figures: Sequence[str]) -> None:
    summary = result.summary
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_ELSEWHERE)
    console.print(f"[bold]{summary['scenario']}[/bold]  {summary['description']}", highlight=False)
    for table in _tables(summary, figures):
        console.print(table)
    for name, trial in _trials(summary):
        if trial["reason"]:
            console.print(f"[bold]{name}: {trial['status']}[/bold]: {trial['reason']}")
        if "steps_by_hand" in trial:
            console.print(f"[bold]{name}: touched by hand[/bold], {trial['steps_by_hand']} steps")
    speed = summary["virtual_s"] / summary["wall_s"] if summary["wall_s"] else 0
    last = f" to {summary['trials'][-1]['seed']}" if "trials" in summary else ""
    console.print(
        f"seed {summary['seed']}{last}, clock {summary['clock']}: "
        f"{summary['virtual_s']:.1f} s of it in "
        f"{summary['wall_s']:.1f} s of wall time ({speed:.2f} times real time)\n"
        f"digest {summary['digest']}\n"
        f"report {result.folder / 'report.html'}",
        highlight=False,
    )


def _tables(summary: Mapping[str, Any], figures: Sequence[str]) -> Iterable[Table]:
    if "statistics" in summary:
        return tables(summary["statistics"], figures)
    return [render(summary["policies"])]


def _trials(summary: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if "trials" not in summary:
        return list(summary["policies"].items())
    return [(f"{trial['policy']} seed {trial['seed']}", trial) for trial in summary["trials"]]
