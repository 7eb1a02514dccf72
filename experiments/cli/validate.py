"""`fibercut validate FILE`: every problem of a scenario or topology file at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from experiments.cli import values
from experiments.cli.ending import BAD_INPUT
from experiments.cli.import_options import tell_notes
from experiments.cli.telling import is_quiet, quiet_option
from experiments.scenario_load import LoadedScenario, check_scenario, find_scenario
from topologies.files import read_document
from topologies.imports.entry import import_file, is_graph_file
from topologies.load import topology_from
from topologies.problems import InputError
from topologies.spec import Topology


@click.command()
@click.argument("file", shell_complete=values.files_to_check)
@quiet_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def validate(file: str, as_json: bool) -> int:
    """Check a scenario or topology file without running anything.

    FILE is a path or the name of a shipped scenario. A file with `sites` is a topology, and so
    is a graph (GraphML, GML, node-link JSON, SNDlib).
    Exit status 2 if there is a problem; every problem is told.
    """
    try:
        checked = _check(file)
    except InputError as error:
        if not as_json:
            raise
        problems = [{"place": p.place, "message": p.message} for p in error.problems]
        click.echo(json.dumps({"valid": False, "problems": problems}, indent=2))
        return BAD_INPUT
    facts = _facts(checked)
    tell_notes(checked if isinstance(checked, Topology) else checked.topology)
    if as_json:
        click.echo(json.dumps({"valid": True, "problems": [], **facts}, indent=2))
    elif not is_quiet():
        described = ", ".join(f"{key} {value}" for key, value in facts.items())
        click.echo(f"{file}: valid ({described})")
    return 0


def _check(file: str) -> LoadedScenario | Topology:
    if is_graph_file(Path(file)):
        return import_file(Path(file))
    path = find_scenario(file)
    document = read_document(Path(path))
    if "sites" in document.data:
        return topology_from(document)
    return check_scenario(document, path)


def _facts(checked: LoadedScenario | Topology) -> dict[str, Any]:
    topology = checked if isinstance(checked, Topology) else checked.topology
    facts: dict[str, Any] = {
        "kind": "topology" if isinstance(checked, Topology) else "scenario",
        "topology": topology.name,
        "sites": len(topology.sites),
        "spans": len(topology.spans),
    }
    if isinstance(checked, LoadedScenario):
        facts["policies"] = len(checked.scenario.policies)
        facts["workloads"] = len(checked.scenario.workloads)
        facts["faults"] = len(checked.scenario.faults)
    return facts
