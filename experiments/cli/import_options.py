"""The options that say how to read a network of somebody else's format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from experiments.cli.telling import say
from experiments.cli.values import Number, OneOf
from topologies.imports.options import ImportOptions, LengthUnit, MissingPositions, Parts
from topologies.spec import Topology

_OPTIONS = (
    click.option(
        "--rate-gbps",
        type=Number(0, min_open=True),
        help="Of spans without a rate (default: 100), and of the hosts' access links.",
    ),
    click.option(
        "--length-unit",
        type=OneOf(get_args(LengthUnit)),
        help="Of lengths that come without one (default: km).",
    ),
    click.option(
        "--missing",
        "missing_positions",
        type=OneOf(get_args(MissingPositions)),
        help="Nodes without coordinates (default: auto, which leaves out external nodes and "
        "places the others between their neighbours).",
    ),
    click.option(
        "--parts",
        type=OneOf(get_args(Parts)),
        help="A graph in several parts (default: refuse).",
    ),
    click.option(
        "--km-per-unit",
        type=Number(0, 10_000, min_open=True),
        help="The scale of coordinates that are a drawing's.",
    ),
    click.option(
        "--demand-unit-mbps",
        type=Number(0, min_open=True),
        help="What one unit of SNDlib's demands and capacities is.",
    ),
    click.option(
        "--route-factor",
        type=Number(1, 5),
        help="Fibre route ÷ distance, where only coordinates are known (default: 1.3).",
    ),
)


def import_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it receives them by name, None where not given."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen(given: dict[str, Any]) -> ImportOptions:
    """The options that were given, with the defaults of the others."""
    return ImportOptions(**{name: value for name, value in given.items() if value is not None})


def tell_notes(topology: Topology) -> None:
    """Say on stderr what an import had to assume or leave out."""
    for note in topology.notes:
        say(f"note: {topology.name}: {note}")
