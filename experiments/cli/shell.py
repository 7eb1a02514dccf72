"""`fibercut shell`: the Mininet prompt on a built network, in the guest."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from controller.policies import POLICIES
from experiments.cli import values
from experiments.cli.import_options import tell_notes
from experiments.cli.options import kernel_source as kernel_source_option
from experiments.cli.telling import quiet_option, reporter
from experiments.cli.values import Integer, Number, OneOf
from experiments.one_trial import SOURCE
from experiments.scenario import Bfd
from experiments.shell_session import SessionJob
from guest import GUEST_OUT, GUEST_PYTHON, GuestSettings, provide_kernel
from guest import run as run_in_guest
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.problems import InputError, Problem


@click.command()
@click.argument("topology", default="ai-backbone", shell_complete=values.topologies)
@click.option(
    "--policy",
    type=OneOf(list(POLICIES)),
    default="fast-reroute-reoptimise",
    show_default=True,
)
@click.option(
    "--scale",
    type=Number(1),
    default=10_000,
    show_default=True,
    help="Capacities are divided by this.",
)
@click.option(
    "--memory-mb",
    type=Integer(192),
    default=1024,
    show_default=True,
    help="Of the guest; taken only as far as it is used.",
)
@kernel_source_option
@quiet_option()
def shell(
    topology: str, policy: str, scale: float, memory_mb: int, kernel_source: Path | None
) -> int:
    """Build TOPOLOGY with its controller and give the Mininet prompt on it.

    The guest runs with a real-time clock here, so that a person can work with it: delays
    are then only as exact as this machine is idle.
    """
    if not sys.stdin.isatty():
        message = "needs a terminal; for scripts use: fibercut exec -- COMMAND"
        raise InputError([Problem("shell", message)])
    network = load_topology(topology)
    tell_notes(network)
    plan = make_plan(network, scale)
    kernel = provide_kernel(kernel_source, reporter=reporter())
    with tempfile.TemporaryDirectory(prefix="fibercut-shell-") as folder:
        job = SessionJob(plan=plan, policy=policy, bfd=Bfd(interval_ms=100))
        path = Path(folder) / "session.json"
        path.write_text(job.model_dump_json(), encoding="utf-8")
        settings = GuestSettings(
            clock="real",
            console=True,
            memory_mb=memory_mb,
            source=SOURCE,
        )
        command = [GUEST_PYTHON, "-m", "experiments.shell_session", f"{GUEST_OUT}/{path.name}"]
        return run_in_guest(
            command, out_dir=Path(folder), settings=settings, kernel=kernel
        ).exit_status
