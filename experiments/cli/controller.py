"""`fibercut controller`: questions to a running controller, and the events of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from controller.ask import DEFAULT_PORT, NoAnswerError, ask
from experiments import controller_tables as tables
from experiments.cli.values import Integer
from experiments.events import read_events
from topologies.problems import InputError, Problem

_EVENTS = "events.parquet"
_MOST_TRIALS = 6
Command = Callable[..., Any]


@click.group()
def controller() -> None:
    """Ask the controller that runs here: what it sees, where packets go, what it is doing.

    \b
    It answers on 127.0.0.1 only, on the machine (or in the network namespace) that it runs in:
      in `fibercut shell`     mininet> controller paths quincy lulea
      started by hand         python -m controller.launch ... --inspect-port 8080
                              fibercut controller paths quincy lulea
    Of a run that is over, `events --run FOLDER` shows what happened.

    Exit status: 0, or 2 if there is no answer.
    """  # noqa: D301 - click's own sign for lines that stay as they are


def _options(function: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        click.option(
            "--port",
            type=Integer(1, 65_535),
            default=DEFAULT_PORT,
            show_default=True,
            help="Where it answers (its --inspect-port).",
        ),
    ):
        function = option(function)
    return function


@controller.command()
@_options
def topology(port: int, as_json: bool) -> int:
    """The switches and spans as the controller sees them, and what is wired otherwise."""
    return _tell("topology", {}, port, as_json, tables.topology)


@controller.command()
@click.argument("from_", metavar="FROM")
@click.argument("to")
@_options
def paths(from_: str, to: str, port: int, as_json: bool) -> int:
    """Where the rules that the switches hold take a packet now, hop by hop.

    FROM and TO are hosts, or switches that have hosts.
    """
    return _tell("paths", {"from": from_, "to": to}, port, as_json, tables.paths)


@controller.command()
@click.argument("from_", metavar="FROM")
@click.argument("to")
@_options
def protection(from_: str, to: str, port: int, as_json: bool) -> int:
    """The path of a pair, and where its packets go if, one by one, each span of it fails."""
    return _tell("protection", {"from": from_, "to": to}, port, as_json, tables.protection)


@controller.command()
@_options
def coverage(port: int, as_json: bool) -> int:
    """How many pairs arrive now, and would if one more span failed: of the rules in force.

    `fibercut coverage` computes this, and more, without a running network.
    """
    return _tell("coverage", {}, port, as_json, tables.coverage)


@controller.command()
@_options
def pending(port: int, as_json: bool) -> int:
    """The update under way, the switches that it waits for, and the spans not used yet."""
    return _tell("pending", {}, port, as_json, tables.pending)


@controller.command()
@_options
def counters(port: int, as_json: bool) -> int:
    """Flows and groups of every switch, updates, and changes sent so far."""
    return _tell("counters", {}, port, as_json, tables.counters)


@controller.command()
@click.option("--last", type=Integer(1), default=20, show_default=True, help="How many.")
@click.option("--only", multiple=True, metavar="EVENT", help="Of this name; may be repeated.")
@click.option(
    "--run",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A trial's folder in a run's folder: its events, not those of a running controller.",
)
@_options
def events(last: int, only: tuple[str, ...], folder: Path | None, port: int, as_json: bool) -> int:
    """The last events, with their times in seconds; docs/reference/events.md explains each."""
    found: list[dict[str, Any]]
    if folder is None:
        # Those of other names are taken out here: the controller is asked for all then.
        asked = {"last": str(last if not only else 1_000_000)}
        found = _asked("events", asked, port)["events"]
    else:
        path = _events_file(folder)
        try:
            found = read_events(path)
        except (OSError, ValueError) as error:
            raise InputError([Problem("--run", str(error))]) from None
    chosen = [event for event in found if not only or event["event"] in only][-last:]
    _print({"events": chosen}, as_json, tables.events)
    return 0


def _events_file(folder: Path) -> Path:
    files = sorted(folder.rglob(_EVENTS))
    if len(files) == 1:
        return files[0]
    if not files:
        message = f"there is no {_EVENTS} in {folder}; name the folder of a run that has ended"
    else:
        trials = ", ".join(str(file.parent) for file in files[:_MOST_TRIALS])
        trials += ", …" if len(files) > _MOST_TRIALS else ""
        message = f"{folder} holds {len(files)} trials; name one of them: {trials}"
    raise InputError([Problem("--run", message)])


def _asked(question: str, query: Mapping[str, str], port: int) -> Any:
    try:
        return ask(question, query, port)
    except NoAnswerError as error:
        raise InputError([Problem("controller", str(error))]) from error


def _tell(
    question: str,
    query: Mapping[str, str],
    port: int,
    as_json: bool,
    table: Callable[[Any, Console], None],
) -> int:
    _print(_asked(question, query, port), as_json, table)
    return 0


def _print(answer: Any, as_json: bool, table: Callable[[Any, Console], None]) -> None:
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        table(answer, Console(highlight=False))
