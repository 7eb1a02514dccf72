"""`fibercut doctor`."""

from __future__ import annotations

import json
from itertools import groupby

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.diagnosis import CLOCKS, VIRTUAL, Check, Diagnosis
from experiments.doctor import examine_machine


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def doctor(as_json: bool) -> int:
    """Say what is there, what is missing, and how to mend it.

    Tells for each clock whether this machine can run it: "virtual" (in the guest,
    without root) and "real" (on this machine's own kernel, as root).

    The JSON object has the keys "fibercut" (version), "clocks" (for "virtual" and
    "real": "can_run", "why_not") and "checks" (a list of objects with "group",
    "name", "ok", "found", "why", "mend", "needed_for").

    Exit status: 0 if the clock "virtual" can run, else 1.
    """
    diagnosis = examine_machine()
    if as_json:
        click.echo(json.dumps(diagnosis.as_json(), indent=2, ensure_ascii=False))
    else:
        _show(diagnosis, Console(highlight=False, soft_wrap=False))
    return 0 if diagnosis.can_run(VIRTUAL) else 1


def _show(diagnosis: Diagnosis, console: Console) -> None:
    for group, checks in groupby(diagnosis.checks, key=lambda check: check.group):
        table = Table(title=group, title_justify="left", box=None, show_header=False)
        for check in checks:
            table.add_row(*_row(check))
        console.print(table)
        console.print()
    for clock in CLOCKS:
        reasons = diagnosis.why_not(clock)
        if not reasons:
            console.print(f"clock {clock}: [green]can run[/]")
        else:
            console.print(f"clock {clock}: [red]cannot run[/]: {escape('; '.join(reasons))}")


def _row(check: Check) -> tuple[str, str, str]:
    if check.ok:
        return "  [green]ok[/]", check.name, escape(check.found)
    word = "[red]missing[/]" if check.needed_for else "[yellow]advice[/]"
    needed = f" (for the clock {' and '.join(check.needed_for)})" if check.needed_for else ""
    told = f"{check.found}: {check.why}{needed}\nto mend it: {check.mend}"
    return f"  {word}", check.name, escape(told)
