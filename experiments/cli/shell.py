"""`fibercut shell`: the Mininet prompt on a built network, in the guest."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

import click

from controller.policies import POLICIES
from experiments.by_hand.words import Words
from experiments.cli import values
from experiments.cli.import_options import tell_notes
from experiments.cli.options import kernel_source as kernel_source_option
from experiments.cli.telling import quiet_option, reporter
from experiments.cli.values import Integer, Number, OneOf
from experiments.one_trial import SOURCE
from experiments.scenario import Bfd
from experiments.shell.person import Conversation, history_file
from experiments.shell.session import SessionJob
from guest import GUEST_OUT, GUEST_PYTHON, Guest, GuestKernel, GuestSettings, provide_kernel
from guest import run as run_in_guest
from topologies.load import load_topology
from topologies.plan import make_plan

Clock = Literal["real", "virtual"]
# In real time a slower pace, so that a busy machine does not look like a cut fibre.
_BFD = {"real": Bfd(interval_ms=100), "virtual": Bfd()}


@click.command()
@click.argument("topology", default="ai-backbone", shell_complete=values.topologies)
@click.option(
    "--policy",
    type=OneOf(list(POLICIES)),
    default="fast-reroute-reoptimise",
    show_default=True,
)
@click.option(
    "--clock",
    type=OneOf(["real", "virtual"]),
    default="real",
    show_default=True,
    help="Of the guest. virtual: exact; time stands still at the prompt, and `sleep` lets it pass.",
)
@click.option(
    "--scale",
    type=Number(1),
    default=10_000,
    show_default=True,
    help="Capacities are divided by this.",
)
@click.option(
    "--seed",
    type=Integer(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="Of all random numbers, with the clock virtual.",
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
    topology: str,
    policy: str,
    clock: Clock,
    scale: float,
    seed: int,
    memory_mb: int,
    kernel_source: Path | None,
) -> int:
    """Build TOPOLOGY with its controller and give the Mininet prompt on it.

    Beside Mininet's commands there are cut, mend, fault, probe, paths, status and sleep; `help
    cut` explains one. Commands may come through a pipe, one to a line. With the clock `real`
    delays are only as exact as this machine is idle.
    """
    network = load_topology(topology)
    tell_notes(network)
    plan = make_plan(network, scale)
    kernel = provide_kernel(kernel_source, reporter=reporter())
    job = SessionJob(
        topology=network, plan=plan, policy=policy, bfd=_BFD[clock], seed=seed, lines=_lines(clock)
    )
    settings = GuestSettings(
        clock=clock,
        seed=seed,
        console=job.lines == "terminal",
        memory_mb=memory_mb,
        source=SOURCE,
    )
    with tempfile.TemporaryDirectory(prefix="fibercut-shell-") as folder:
        (Path(folder) / "session.json").write_text(job.model_dump_json(), encoding="utf-8")
        return _run(job, Path(folder), settings, kernel)


def _lines(clock: Clock) -> Literal["terminal", "script", "turns"]:
    if not sys.stdin.isatty():
        return "script"
    return "terminal" if clock == "real" else "turns"


def _run(job: SessionJob, out: Path, settings: GuestSettings, kernel: GuestKernel) -> int:
    command = [GUEST_PYTHON, "-m", "experiments.shell.session", f"{GUEST_OUT}/session.json"]
    if job.lines == "turns":
        with Guest(command, out_dir=out, settings=settings, kernel=kernel) as guest:
            return Conversation(guest, out, Words(job.topology), job.plan).run()
    stdin = sys.stdin.buffer if job.lines == "script" else None
    kept, used = history_file(), out / "history"
    with contextlib.suppress(OSError):
        shutil.copy(kept, used)
    try:
        return run_in_guest(
            command, out_dir=out, settings=settings, kernel=kernel, stdin=stdin
        ).exit_status
    finally:
        if job.lines == "terminal":
            with contextlib.suppress(OSError):
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(used, kept)
