"""The options of `run` and `live` about the live page, and the page itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from experiments.live.pace import FASTEST
from experiments.live.run import LiveRun
from experiments.live.server import DEFAULT_PORT, LiveServer
from experiments.runner import scenario_plan
from experiments.scenario import Clock
from experiments.scenario_load import LoadedScenario
from topologies.problems import InputError, Problem

PORT_OPTION = click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help=f"Of the live page, on 127.0.0.1; 0 is any.  [default: {DEFAULT_PORT}, or any]",
)
LIVE_OPTIONS = (
    click.option("--live", is_flag=True, help="Show the run on a page of this machine."),
    click.option(
        "--speed",
        type=click.FloatRange(0, FASTEST),
        help="With --live: its seconds in one of yours.  [default: as many as it can]",
    ),
    PORT_OPTION,
)


def check_live(loaded: LoadedScenario, live: bool, speed: float | None, port: int | None) -> None:
    """Raise InputError for options that make no sense together."""
    problems = [
        Problem(name, "is for a run that is watched: add --live, or leave it out")
        for name, given in (("--speed", speed), ("--port", port))
        if given is not None and not live
    ]
    if speed is not None and loaded.scenario.clock is Clock.REAL:
        problems.append(
            Problem("--speed", "is for the clock virtual; nobody can slow the real one")
        )
    if problems:
        raise InputError(problems)


@contextmanager
def watched(
    loaded: LoadedScenario, speed: float | None, port: int | None, *, stays: bool
) -> Iterator[LiveRun]:
    """The live page of a run, from now to the end of the `with`; says where it is.

    stays: the `with` goes on when the run is over.
    """
    with (
        closing(LiveRun(loaded, scenario_plan(loaded), speed, stays=stays)) as run,
        LiveServer(run, port) as server,
    ):
        click.echo(f"live: {server.url}", err=True)
        yield run
