"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

kernel_source = click.option(
    "--kernel-source",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Build the guest's kernel from this tarball of Linux (6.16 or later); once is enough.",
)
