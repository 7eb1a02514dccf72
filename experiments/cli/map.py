"""`fibercut map TOPOLOGY`: a picture of a network from its coordinates."""

from __future__ import annotations

import re
from pathlib import Path

import click

from experiments.cli import values
from experiments.cli.import_options import tell_notes
from experiments.cli.telling import json_option, print_json, quiet_option, say
from experiments.cli.values import Integer, Number, OneOf
from topologies.load import load_topology
from topologies.maps import MAP_SUFFIXES, MapOptions, Theme, write_map


@click.command(name="map")
@click.argument("topology", shell_complete=values.topologies)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The file to write: {', '.join(MAP_SUFFIXES)}.  [default: its name, .svg]",
)
@click.option(
    "--theme",
    type=OneOf([theme.value for theme in Theme]),
    default=Theme.AUTO.value,
    show_default=True,
    help="auto follows the reader's screen in SVG and HTML, and is light in PNG and PDF.",
)
@click.option("--labels/--no-labels", default=True, help="The sites' names.  [default: labels]")
@click.option(
    "--land/--no-land",
    default=None,
    help="Land outlines.  [default: where most sites stand on land]",
)
@click.option("--width", type=Integer(300, 4000), default=960, show_default=True, help="In pixels.")
@click.option(
    "--pixel-ratio",
    type=Number(0.5, 8),
    default=2.0,
    show_default=True,
    help="Pixels of a PNG for each of the map's.",
)
@json_option
@quiet_option()
def map_(
    topology: str,
    out: Path | None,
    theme: str,
    labels: bool,
    land: bool | None,
    width: int,
    pixel_ratio: float,
    as_json: bool,
) -> None:
    """Draw TOPOLOGY as a map: SVG, PNG, PDF, or HTML to look around in.

    TOPOLOGY is one of `fibercut list`, a key of TopoHub, or a file. Lines are as wide as their
    capacity and coloured by their fibre; spans that share a conduit carry its letter.
    """
    found = load_topology(topology)
    tell_notes(found)
    path = out or Path(re.sub(r"[^\w.-]+", "-", found.name) + ".svg")
    if path.suffix not in MAP_SUFFIXES:
        allowed = ", ".join(MAP_SUFFIXES)
        raise click.BadParameter(f"{str(path)!r} must end in {allowed}", param_hint="--out")
    options = MapOptions(width_px=float(width), labels=labels, land=land)
    try:
        write_map(found, path, options, Theme(theme), pixel_ratio)
    except OSError as error:
        message = f"cannot write {str(path)!r}: {error.strerror}"
        raise click.BadParameter(message, param_hint="--out") from None
    sites, spans = len(found.sites), len(found.spans)
    if as_json:
        print_json({"file": str(path), "topology": found.name, "sites": sites, "spans": spans})
    else:
        say(f"{path}: {found.name}, {sites} sites, {spans} spans")
