"""`python -m tests.vm`: what needs a whole fresh system, by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from experiments.cli.ending import ended
from experiments.failure import FailedRunError
from experiments.versions import versions
from guest.kernel import cache_folder
from tests.vm.container import bring, command_in, own
from tests.vm.machine import MachineDied, kept_disk, make_disk, running
from tests.vm.real_clock import walk
from tests.vm.root_file_system import USER, build, need
from tests.vm.surroundings import surroundings
from tests.vm.systems import SYSTEMS, System, archives_of
from topologies.problems import InputError, Problem

PROJECT = Path(__file__).resolve().parents[2]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Try Fibercut on fresh systems, made of packages of this machine's own mirrors (as root)."""


_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="For the system, the logs and result.json; kept. Default: a temporary one. A system that "
    "is there already is used.",
)
_mirror = click.option("--ubuntu-mirror", help="URL of a mirror, on a machine that is no Ubuntu.")
_keyring = click.option(
    "--ubuntu-keyring", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)


@cli.command()
@click.argument("system", type=click.Choice(list(SYSTEMS)), default="debian12")
@click.option("--cores", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--memory-mb", type=click.IntRange(1024), default=3072, show_default=True)
@_folder
@_mirror
@_keyring
def real(
    system: str,
    cores: int,
    memory_mb: int,
    folder: Path | None,
    ubuntu_mirror: str | None,
    ubuntu_keyring: Path | None,
) -> int:
    """Boot SYSTEM in QEMU with its own kernel, provision it as Vagrant would, use the clock real.

    Without KVM the machine runs in software, ten times slower or worse: an hour and more.
    """
    _root_and("mmdebstrap", "mkfs.ext4", "qemu-system-x86_64", "ssh", "ssh-keygen")
    chosen = SYSTEMS[system]
    with _work(folder, system) as work:
        disk = kept_disk(work)
        if disk is None:
            more = (chosen.kernel, "openssh-server")
            _built(chosen, work / "root", ubuntu_mirror, ubuntu_keyring, more)
            disk = make_disk(work / "root", work)
        with running(disk, work, cores, memory_mb) as machine:
            click.echo(f"the machine is up ({machine.accelerator}, {cores} cores)")
            steps = walk(machine, work, PROJECT, click.echo)
        result = {
            "system": system,
            "accelerator": machine.accelerator,
            "steps": [asdict(step) for step in steps],
            "commit": versions()["commit"],
        }
        _write(work, result)
    return 0 if all(step.passed for step in steps) else 1


@cli.command()
@click.argument("system", type=click.Choice(list(SYSTEMS)), default="debian13")
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]...")
@click.option(
    "--own-kernel/--cached-kernel",
    default=False,
    show_default=True,
    help="Build the guest's kernel in there, too (about 8 minutes), or take this user's.",
)
@_folder
@_mirror
@_keyring
def suite(
    system: str,
    pytest_args: tuple[str, ...],
    own_kernel: bool,
    folder: Path | None,
    ubuntu_mirror: str | None,
    ubuntu_keyring: Path | None,
) -> int:
    """Run ./fibercut test, as a user without root, in a fresh SYSTEM (a container).

    ARGUMENTS go to ./fibercut test: `-- tests/emulation/test_guest.py` for a part of it.
    """
    _root_and("mmdebstrap", "bwrap")
    with _work(folder, system) as work:
        root = work / "root"
        environment = surroundings().environment
        if not root.exists():
            _built(SYSTEMS[system], root, ubuntu_mirror, ubuntu_keyring)
            bring(PROJECT, root)
            own(root, root / f"home/{USER}")
            install = command_in(root, ["provision/system.sh"], environment, as_root=True)
            subprocess.run(install, check=True)
        if not own_kernel:
            _lend_kernel(root)
        tests = command_in(root, ["./fibercut", "test", *pytest_args], environment)
        return subprocess.run(tests, check=False).returncode


def _built(
    system: System,
    root: Path,
    mirror: str | None,
    keyring: Path | None,
    more: tuple[str, ...] = (),
) -> None:
    archives = archives_of(system, mirror, keyring)
    log = root.with_suffix(".log")
    click.echo(f"building {system.name} from packages (minutes; see {log})")
    try:
        build(system, archives, root, log, more)
    except subprocess.CalledProcessError:
        raise FailedRunError(f"mmdebstrap failed; it said why in {log}") from None


def _lend_kernel(root: Path) -> None:
    """The kernels that this user has built, as a copy: inside, nobody may write to this cache."""
    cache = cache_folder() / "kernels"
    inside = root / f"home/{USER}/.cache/fibercut/kernels"
    if cache.is_dir() and not inside.exists():
        shutil.copytree(cache, inside, symlinks=True)
        own(root, root / f"home/{USER}/.cache")


def _root_and(*programs: str) -> None:
    need(*programs)
    if os.geteuid() != 0:
        message = "needs root, to make a system's files with their owners"
        raise InputError([Problem("tests.vm", message)])


@contextmanager
def _work(folder: Path | None, system: str) -> Iterator[Path]:
    """Where a trial on a system keeps its files: the user's folder, or one that goes at the end."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix=f"fibercut-{system}-") as temporary:
        yield Path(temporary)


def _write(work: Path, result: Mapping[str, object]) -> None:
    text = json.dumps(result, indent=2, ensure_ascii=False)
    (work / "result.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Like every command of Fibercut: one clear message, never a traceback."""
    try:
        return ended(lambda: cli.main(prog_name="python -m tests.vm", standalone_mode=False))
    except MachineDied as error:
        click.echo(f"tests.vm: {error}", err=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
