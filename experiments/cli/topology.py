"""`fibercut topology NAME` and `fibercut schema KIND`: what a network is, and how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from experiments.cli import values
from experiments.cli.import_options import chosen, import_options, tell_notes
from experiments.cli.telling import quiet_option, say
from experiments.cli.values import OneOf
from experiments.schemas import SCHEMAS, schema_text
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.spec import Topology
from topologies.write import Format, topology_text

_SUFFIXES: dict[str, Format] = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}


@click.command()
@click.argument("name", shell_complete=values.topologies)
@click.option("--json", "as_json", is_flag=True, help="Print the topology as JSON.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the topology as YAML.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the topology to this .yaml or .json file.",
)
@import_options
@quiet_option()
def topology(name: str, as_json: bool, as_yaml: bool, out: Path | None, **given: Any) -> None:
    """Tell what a topology is, or write it as a file of your own to change.

    NAME is one of `fibercut list`, a key of TopoHub (`fibercut list --topohub`), or a file:
    our own YAML or JSON, GraphML, GML, node-link JSON, or SNDlib's XML or native format. The
    options from --rate-gbps on say how to read what such a file leaves open.
    """
    found = load_topology(name, options=chosen(given))
    tell_notes(found)
    if out is not None:
        _write(found, out)
    elif as_json or as_yaml:
        click.echo(topology_text(found, "json" if as_json else "yaml"), nl=False)
    else:
        click.echo(_facts(found))


@click.command()
@click.argument("kind", metavar="KIND", type=OneOf(sorted(SCHEMAS)))
def schema(kind: str) -> None:
    """Print the JSON Schema of topology or scenario files, for an editor's completion."""
    click.echo(schema_text(kind), nl=False)


def _write(found: Topology, out: Path) -> None:
    form = _SUFFIXES.get(out.suffix)
    if form is None:
        raise click.BadParameter(f"{str(out)!r} must end in .yaml or .json", param_hint="--out")
    try:
        out.write_text(topology_text(found, form), encoding="utf-8")
    except OSError as error:
        raise click.BadParameter(
            f"cannot write {str(out)!r}: {error.strerror}", param_hint="--out"
        ) from None
    say(f"{out}: {found.name}, {len(found.sites)} sites, {len(found.spans)} spans")


def _facts(found: Topology) -> str:
    plan = make_plan(found)
    kinds: dict[str, int] = {}
    for site in found.sites:
        kinds[site.kind.value] = kinds.get(site.kind.value, 0) + 1
    facts = {
        "sites": f"{len(found.sites)} ({', '.join(f'{n} {kind}' for kind, n in kinds.items())})",
        "spans": f"{len(found.spans)}, {len(found.conduits())} conduits",
        "switches": f"{len(plan.switches)}, {len(plan.hosts)} hosts",
        "controller": plan.controller_site,
        "demands": f"{len(found.demands)}, {_total_gbps(found):g} Gbit/s" if found.demands else "",
        "source": found.source,
    }
    lines = [found.name, *filter(None, [found.description.strip()]), ""]
    return "\n".join([*lines, *(f"{key:11}{value}" for key, value in facts.items() if value)])


def _total_gbps(found: Topology) -> float:
    return round(sum(demand.rate_gbps for demand in found.demands), 6)
