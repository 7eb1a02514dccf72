"""`fibercut live`: a network or a scenario on a page, to watch, cut and mend."""

from __future__ import annotations

import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import click

from controller.policies import POLICIES
from experiments.cli.import_options import tell_notes
from experiments.cli.options import kernel_source as kernel_source_option
from experiments.cli.run import carry_out
from experiments.cli.watching import PORT_OPTION, check_live, watched
from experiments.live.open_run import open_scenario, write_scenario
from experiments.live.pace import FASTEST
from experiments.privileges import go_on_as_root
from experiments.scenario import Clock
from experiments.scenario_load import LoadedScenario, load_scenario, shipped_scenarios
from topologies.files import plain, read_document
from topologies.load import load_topology
from topologies.problems import InputError, Problem, suggestion
from topologies.spec import Topology

_FILES = (".yaml", ".yml", ".json")


@click.command()
@click.argument("name", metavar="[SCENARIO|TOPOLOGY]", default="ai-backbone")
@click.option(
    "--policy",
    "policies",
    type=click.Choice(list(POLICIES)),
    multiple=True,
    help="Of a topology's network (repeatable).  [default: fast-reroute-reoptimise]",
)
@click.option(
    "--duration-s",
    type=click.FloatRange(1, 86_400),
    default=3600.0,
    show_default=True,
    help="Of a topology's run; Ctrl-C ends it before.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, FASTEST),
    default=1.0,
    show_default=True,
    help="Its seconds in one of yours, if this machine can; the page changes it.",
)
@PORT_OPTION
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder for the results.",
)
@kernel_source_option
def live(
    name: str,
    policies: tuple[str, ...],
    duration_s: float,
    speed: float,
    port: int | None,
    out: Path,
    kernel_source: Path | None,
) -> int:
    """Run a scenario, or a topology with some load and probes, on a page of this machine.

    The page shows the map, each span's load, the probes and the events, and cuts and mends
    spans, conduits, sites and the controller while the run goes on. It stays until Ctrl-C.
    """
    with tempfile.TemporaryDirectory(prefix="fibercut-live-") as folder:
        loaded = _loaded(name, policies or ("fast-reroute-reoptimise",), duration_s, Path(folder))
        paced = speed if loaded.scenario.clock is Clock.VIRTUAL else None
        check_live(loaded, True, paced, port)
        if loaded.scenario.clock is Clock.REAL:
            go_on_as_root()
        tell_notes(loaded.topology)
        with watched(loaded, paced, port, stays=True) as run:
            status = carry_out(loaded, out, kernel_source, run)
            click.echo("The page and its report stay until Ctrl-C.", err=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
        return status


def _loaded(
    name: str, policies: tuple[str, ...], duration_s: float, folder: Path
) -> LoadedScenario:
    if name in shipped_scenarios() or _is_scenario(Path(name)):
        return load_scenario(name)
    topology = _topology(name)
    file = str(Path(name).resolve()) if Path(name).is_file() else name
    fields = open_scenario(topology, file, policies, duration_s)
    return load_scenario(str(write_scenario(fields, folder)))


def _topology(name: str) -> Topology:
    try:
        return load_topology(name)
    except InputError as error:
        near = suggestion(name, list(shipped_scenarios()))
        scenario = [Problem(name, f"no scenario has this name{near}")] if near else []
        raise InputError([*scenario, *error.problems]) from None


def _is_scenario(path: Path) -> bool:
    if path.suffix not in _FILES or not path.is_file():
        return False
    return "workloads" in plain(read_document(path).data)
