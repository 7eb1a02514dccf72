"""The folder in memory through which the host and one guest talk.

To the guest: its first scripts, the command, its environment, folder and standard input.
From the guest: `stdout`, `stderr`, `started` (the guest's time), `status` (exit status, time).
"""

from __future__ import annotations

import compileall
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from guest.errors import SetupError
from guest.settings import GuestSettings, Source

HERE = Path(__file__).resolve().parent
GUEST_OUT = "/run/fibercut/out"
GUEST_SOURCE = "/.fibercut/source"
GUEST_PYTHON = "/.fibercut/python/bin/python3"

# Every guest has the same kernel command line: the kernel mixes it into its random numbers.
# So the shared folder, whose name differs, is named as the kernel process's working directory.
FIRST_PROCESS = "/proc/self/cwd/first-process.sh"

_SCRIPTS = ("first-process.sh", "session.sh")
_CARRIED_OVER = ("HOME", "LANG", "LANGUAGE", "TERM", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "NO_COLOR")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the guest has of its own, so that the host's is not visible there.
_HIDDEN = ("/run", "/var/run", "/dev", "/proc", "/sys")


class Share:
    """One guest's folder below `parent`, gone after `remove`."""

    def __init__(self, parent: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fibercut-", dir=parent))
        for name in _SCRIPTS:
            shutil.copy(HERE / name, self.folder / name)
        (self.folder / _SCRIPTS[0]).chmod(0o700)

    def describe(
        self, command: Sequence[str], settings: GuestSettings, out_dir: Path | None
    ) -> None:
        """Write down what the guest is to do; SetupError if it cannot be done there."""
        if not command:
            raise SetupError("The command for the guest is empty")
        if settings.source is None:
            cwd = _visible((settings.cwd or Path.cwd()).resolve())
        else:
            cwd = self._take_source(settings.source)
        environment = guest_environment(os.environ, settings)
        self._write("command", "".join(f"{word}\0" for word in command))
        self._write("environment", "".join(f"{k}={v}\0" for k, v in environment.items()))
        self._write("directory", f"{cwd}\0")
        out = self.folder / "out"
        out.mkdir() if out_dir is None else out.symlink_to(out_dir)
        facts = {
            "clock": settings.clock,
            "openvswitch": "yes" if settings.openvswitch else "no",
            "console": "yes" if settings.console else "no",
        }
        self._write("session.conf", "".join(f"{name}={value}\n" for name, value in facts.items()))

    def _take_source(self, source: Source) -> str:
        """Have the guest show the source and this Python; returns the command's folder there."""
        for package in source.packages:
            # A folder that may not be written to has all of it or none, whoever runs it.
            compileall.compile_dir(source.folder / package, quiet=2)
        (self.folder / "source").symlink_to(source.folder.resolve())
        (self.folder / "python").symlink_to(Path(sys.prefix).resolve())
        return GUEST_SOURCE

    def take_library(self, library: Path) -> None:
        """Keep the library that session.sh preloads into Open vSwitch."""
        shutil.copy(library, self.folder / "switches.so")

    def take_stdin(self, stdin: BinaryIO | None) -> None:
        """Keep all of `stdin` for the command: what it reads must not depend on when it came."""
        with open(self.folder / "stdin", "wb") as file:
            if stdin is not None:
                shutil.copyfileobj(stdin, file)

    def started_s(self) -> float | None:
        """The guest's time of day when the command started."""
        words = self._words("started")
        return float(words[0]) if words else None

    def ended(self) -> tuple[int, float] | None:
        """The command's exit status and the guest's time of day when it ended."""
        words = self._words("status")
        return (int(words[0]), float(words[1])) if len(words) == 2 else None

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, text: str) -> None:
        with open(self.folder / name, "wb") as file:
            file.write(os.fsencode(text))

    def _words(self, name: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            text = (self.folder / name).read_text(encoding="ascii")
            return text.split() if text.endswith("\n") else []
        return []


def _visible(cwd: Path) -> str:
    """The caller's folder as the guest sees it; SetupError if it does not."""
    if hidden := next((top for top in _HIDDEN if f"{cwd}/".startswith(f"{top}/")), None):
        raise SetupError(f"cwd: {cwd}: the guest has a {hidden} of its own; go elsewhere")
    return str(cwd)


def guest_environment(caller: Mapping[str, str], settings: GuestSettings) -> dict[str, str]:
    """A few of the caller's variables, what the guest adds, then the settings' own."""
    path = [*caller.get("PATH", "").split(":"), *_SYSTEM_PATH.split(":")]
    own = {}
    if settings.source is not None:
        own["PYTHONPATH"] = GUEST_SOURCE
        path.insert(0, str(Path(GUEST_PYTHON).parent))
        if settings.clock == "virtual":
            caller, path = {}, [path[0], *_SYSTEM_PATH.split(":")]
    environment = {"HOME": "/root", "LANG": "C.UTF-8"} | {
        name: value
        for name, value in sorted(caller.items())
        if name in _CARRIED_OVER or name.startswith("LC_")
    }
    environment |= {
        "PATH": ":".join(dict.fromkeys(filter(None, path))),
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        # The overlay would lose it at the end.
        "PYTHONDONTWRITEBYTECODE": "1",
        "FIBERCUT_CLOCK": settings.clock,
        "FIBERCUT_OUT": GUEST_OUT,
    }
    return environment | own | dict(settings.env)
