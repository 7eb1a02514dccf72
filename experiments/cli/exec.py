"""`fibercut exec -- COMMAND...`: any program in the guest."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from experiments.cli.options import kernel_source as kernel_source_option
from experiments.cli.telling import quiet_option, reporter, say
from experiments.cli.values import Integer, Number, OneOf
from guest import GuestSettings, provide_kernel
from guest import run as run_in_guest

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HELP_SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(name="exec", context_settings=_HELP_SETTINGS)
@click.option(
    "--seed",
    type=Integer(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="Of all random numbers of the guest, in virtual time.",
)
@click.option(
    "--clock",
    type=OneOf(["virtual", "real"]),
    default="virtual",
    show_default=True,
    help="The guest's clock: virtual is exact and replays; real runs with the wall clock.",
)
@click.option(
    "--limit-s",
    type=Number(0, min_open=True),
    help="End COMMAND when it has run so long by the guest's clock (exit status 1).",
)
@click.option(
    "--memory-mb",
    type=Integer(192),
    default=1024,
    show_default=True,
    help="Of the guest; taken only as far as it is used.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder whose changes stay; $FIBERCUT_OUT inside. All others are lost at the end.",
)
@kernel_source_option
@quiet_option()
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(
    seed: int,
    clock: Literal["virtual", "real"],
    limit_s: float | None,
    memory_mb: int,
    out: Path | None,
    kernel_source: Path | None,
    command: Sequence[str],
) -> int:
    """Run COMMAND as root in the guest, with Open vSwitch and the network tools ready.

    It sees this machine's files and may change them all: the changes are gone at the end.
    The exit status is COMMAND's. Examples:

    \b
      fibercut exec -- mn --test pingall
      fibercut exec -- sudo python3 my_mininet_script.py
      fibercut exec -- sh -c 'ip link add a type veth peer name b; ip -br link'
    """  # noqa: D301 - click reads a real backspace
    kernel = provide_kernel(kernel_source, reporter=reporter())
    result = run_in_guest(
        list(command),
        out_dir=out,
        settings=GuestSettings(
            seed=seed,
            clock=clock,
            memory_mb=memory_mb,
            virtual_limit_s=limit_s,
            env={"PATH": _search_path()},
        ),
        kernel=kernel,
        stdin=None if sys.stdin.isatty() else sys.stdin.buffer,
    )
    for warning in result.warnings:
        say(f"fibercut: {warning}")
    return result.exit_status


def _search_path() -> str:
    # First the Python that has Mininet, Ryu and Scapy; whatever else the caller's is.
    own = str(Path(sys.executable).parent)
    return os.pathsep.join((own, os.environ.get("PATH", os.defpath), _SYSTEM_PATH))
