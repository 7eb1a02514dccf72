"""`fibercut clean`: what killed runs have left on the machine's own kernel."""

from __future__ import annotations

import click

from experiments.cli.telling import json_option, print_json
from experiments.failure import FailedRunError
from topologies.builder.errors import BuildError
from topologies.builder.leftovers import leftovers, sweep


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def clean(dry_run: bool, as_json: bool) -> int:
    """Remove what killed runs have left on this machine's own kernel.

    A network of the clock "real" is taken down however its run ends, unless its guard
    process is killed too. The next run then removes what is left, or this command. It
    removes what a build of Fibercut has made that no longer lives, and nothing else: no
    network that is in use, and nothing that belongs to other programs.

    Exit status: 0 if nothing is left (or would be), 1 if something cannot be removed.
    """
    try:
        found = leftovers() if dry_run else sweep()
    except BuildError as error:
        raise FailedRunError(str(error)) from None
    if as_json:
        print_json({"dry_run": dry_run, "networks": [str(network) for network in found]})
        return 0
    word = "left behind" if dry_run else "removed"
    for network in found:
        click.echo(f"{word}: {network}")
    if not found:
        click.echo("nothing is left behind")
    return 0
