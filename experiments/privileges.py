"""Root for the clock `real`: through sudo where it asks for no password, results for the caller."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT_FOLDER = Path(__file__).resolve().parent.parent
# sudo hands over next to nothing of its caller's environment.
_KEPT = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
_KEPT_PREFIX = "FIBERCUT_"


def is_root() -> bool:
    """Whether this process may change the machine's network."""
    return os.geteuid() == 0


def sudo_is_open() -> bool:
    """Whether sudo makes this user root without asking for a password."""
    if shutil.which("sudo") is None:
        return False
    done = subprocess.run(
        ["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode == 0


def go_on_as_root() -> None:
    """Start this very command anew as root, where sudo is open to the caller.

    Does not return then. Returns where the caller is root already, or must become it himself.
    """
    if is_root() or not sudo_is_open():
        return
    print("fibercut: the clock real needs root: going on through sudo", file=sys.stderr, flush=True)
    command = sudo_command(sys.argv[1:], os.environ)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def sudo_command(arguments: list[str], environment: Mapping[str, str]) -> list[str]:
    """Fibercut's command line with these arguments, as root, from any folder."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIX)
    }
    kept["PYTHONPATH"] = str(ROOT_FOLDER)
    kept["PYTHONNOUSERSITE"] = "1"
    # Files of root's in the caller's source folder would be in his way.
    kept["PYTHONDONTWRITEBYTECODE"] = "1"
    settings = [f"{name}={value}" for name, value in sorted(kept.items())]
    python = [sys.executable, "-m", "experiments.cli"]
    return ["sudo", "-n", "--", "env", *settings, *python, *arguments]


@contextmanager
def results_for_caller(base: Path) -> Iterator[None]:
    """What is new below `base` at the end, and `base` if it is, belongs to who called sudo."""
    owner = _sudo_caller() if is_root() else None
    if owner is None:
        yield
        return
    new_base, before = not base.exists(), _names(base)
    try:
        yield
    finally:
        for name in _names(base) - before | {"latest"}:
            _give(base / name, owner)
        if new_base and base.exists():
            os.chown(base, *owner, follow_symlinks=False)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _sudo_caller() -> tuple[int, int] | None:
    """The user and the group that started sudo, in which this process runs."""
    try:
        user, group = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    return (user, group) if user else None


def _give(path: Path, owner: tuple[int, int]) -> None:
    """Change the owner of a file, or of a folder with all in it; links are not followed."""
    if not os.path.lexists(path):
        return
    os.chown(path, *owner, follow_symlinks=False)
    if path.is_dir() and not path.is_symlink():
        # By descriptors: a link that is put there meanwhile leads nowhere.
        for _, folders, files, descriptor in os.fwalk(path):
            for name in (*folders, *files):
                os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
