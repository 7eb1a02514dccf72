"""`fibercut list`: what there is to run and to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from controller.policies import POLICIES
from experiments.scenario_load import load_scenario, shipped_scenarios
from experiments.study.load import load_study, shipped_studies
from topologies.load import catalogue_names, load_topology
from topologies.parametric import FAMILIES, Family


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print the lists as JSON.")
@click.option(
    "--topohub",
    "word",
    is_flag=False,
    flag_value="",
    metavar="[WORD]",
    help="List TopoHub's networks instead, those with WORD in their names.",
)
def list_(as_json: bool, word: str | None) -> None:
    """List the shipped scenarios, studies, topologies and policies."""
    if word is not None:
        _list_topohub(word, as_json)
        return
    lists = _lists()
    if as_json:
        click.echo(json.dumps(lists, indent=2, ensure_ascii=False))
        return
    console = Console()
    for title, entries in lists.items():
        table = Table(title=title, title_justify="left", title_style="bold", box=None)
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        for entry in entries:
            table.add_row(entry["name"], entry["description"])
        console.print(table)
    console.print(
        "A topology may also be a formula, a file, or one of TopoHub's real networks "
        "(fibercut list --topohub). Every formula also takes span_km, rate_gbps and hosts: "
        "ring:8,span_km=40.",
        highlight=False,
    )


def _list_topohub(word: str, as_json: bool) -> None:
    """TopoHub's networks with their sizes; a drawing has no lengths, and needs a scale."""
    from topologies.imports.topohub import find_topohub  # noqa: PLC0415 - seldom needed

    entries = find_topohub(word)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
        return
    table = Table(box=None)
    for title in ("network", "sites", "spans", "demands"):
        table.add_column(title, justify="left" if title == "network" else "right")
    table.add_column("")
    for entry in entries:
        numbers = (entry.sites, entry.spans, entry.demands or "")
        remark = "a drawing: needs --km-per-unit" if entry.is_drawing else ""
        table.add_row(entry.key, *map(str, numbers), remark)
    Console().print(table, highlight=False)


def _parameters(family: Family) -> str:
    return "; ".join(f"{p.name}: {p.meaning}" for p in family.parameters)


def _lists() -> dict[str, list[dict[str, Any]]]:
    scenarios = [load_scenario(name).scenario for name in shipped_scenarios()]
    studies = [load_study(name).study for name in shipped_studies()]
    topologies = [load_topology(name) for name in catalogue_names()]
    return {
        "scenarios": [{"name": s.name, "description": s.description} for s in scenarios],
        "studies": [{"name": s.name, "description": s.description} for s in studies],
        "topologies": [
            {
                "name": t.name,
                "description": t.description,
                "sites": len(t.sites),
                "spans": len(t.spans),
            }
            for t in topologies
        ],
        "formulas": [
            {"name": f.example, "description": f"{f.summary} ({_parameters(f)})"}
            for f in FAMILIES.values()
        ],
        "policies": [{"name": p.name, "description": p.summary} for p in POLICIES.values()],
    }
