"""Linux's source to a User-Mode Linux binary: unpack, patch, configure, make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guest.errors import SetupError
from guest.progress import Reporter, Step

# What a build of Linux 7.2 with this configuration needs and prints; only the bar depends on it.
_MAKE_LINES = 1480
_SOURCE_FILES = 96_000
_NEEDED_BYTES = 3 * 10**9

# Tool: the Debian package that brings it.
_TOOLS = {
    "make": "make",
    "gcc": "gcc",
    "ld": "binutils",
    "nm": "binutils",
    "strip": "binutils",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "patch": "patch",
    "awk": "mawk",
    "tar": "tar",
    "xz": "xz-utils",
}


class StaleBuild(Exception):
    """What an interrupted build left behind cannot be gone on with."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is to be known of a compiled kernel (see GuestKernel)."""

    release: str
    clock_address: int
    build_s: float


def check_tools(path: str | None = None) -> None:
    """SetupError with the apt line to type if the build would miss a tool or a header."""
    missing = {package for tool, package in _TOOLS.items() if not shutil.which(tool, path=path)}
    if "gcc" not in missing and not _compiles():
        missing.add("libc6-dev")
    if missing:
        packages = " ".join(sorted(missing))
        raise SetupError(
            f"The kernel's build needs: {packages}. Install with: sudo apt-get install {packages}"
        )


def check_space(folder: Path) -> None:
    """SetupError if the disk that holds `folder` has no room for the build."""
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        raise SetupError(
            f"The kernel's build needs {_NEEDED_BYTES / 1e9:.0f} GB for some minutes, and"
            f" {folder} has {free / 1e9:.1f} GB left: free some, or set XDG_CACHE_HOME to a"
            " folder on another disk"
        )


def compiler_version() -> str:
    """The first line of `gcc --version`."""
    result = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[0]


def lost_options(wanted: str, final: str) -> list[str]:
    """The lines of the wanted configuration that the final one does not honour."""
    kept = {line for line in final.splitlines() if line.startswith("CONFIG_")}
    names = {line.split("=", 1)[0] for line in kept}
    lost = []
    for line in map(str.strip, wanted.splitlines()):
        off = re.fullmatch(r"# (CONFIG_\w+) is not set", line)
        if (off and off[1] in names) or (line.startswith("CONFIG_") and line not in kept):
            lost.append(line)
    return lost


def compile_kernel(
    tarball: Path,
    config: Path,
    patches: Sequence[Path],
    work: Path,
    *,
    lock_fd: int,
    reporter: Reporter,
) -> Compiled:
    """Build in `work`; `work/product` gets `linux`, `config` and `build.log`.

    lock_fd: the lock on `work`. make inherits it: should this process be killed, make goes on,
    and the next builder must wait for it.

    Raises SetupError if the configuration does not hold or make fails, StaleBuild if `work`
    held an interrupted build that does not go on.
    """
    started = time.monotonic()
    source = work / "source"
    resumed = source.is_dir()
    if not resumed:
        _unpack(tarball, patches, work, reporter)
    log = work / "build.log"
    maker = _Maker(source, work / "objects", log, lock_fd)
    with reporter.step("Building the guest kernel", _MAKE_LINES) as step:
        try:
            maker.configure(config)
            maker.make("linux", step=step)
        except subprocess.CalledProcessError as error:
            if resumed:
                raise StaleBuild from error
            raise SetupError(_failure(error, log)) from None
    return _finish(work, maker, time.monotonic() - started)


class _Maker:
    """The kernel's make, with an environment that does not depend on the user's."""

    def __init__(self, source: Path, objects: Path, log: Path, lock_fd: int) -> None:
        self._source = source
        self.objects = objects
        self._log = log
        self._lock_fd = lock_fd
        objects.mkdir(exist_ok=True)
        log.write_text("")

    def configure(self, fragment: Path) -> None:
        """Take tinyconfig plus the fragment; SetupError with the lines that did not survive."""
        self.make("tinyconfig")
        merge = self._source / "scripts" / "kconfig" / "merge_config.sh"
        final = self.objects / ".config"
        command = [
            "sh",
            str(merge),
            "-m",
            "-O",
            str(self.objects),
            str(final),
            str(fragment),
        ]
        self._run(command, None)
        self.make("olddefconfig")
        lost = lost_options(fragment.read_text(encoding="utf-8"), final.read_text(encoding="utf-8"))
        if lost:
            told = "".join(f"\n  {line}" for line in lost)
            raise SetupError(
                f"This kernel's source does not take these lines of {fragment}:{told}\n"
                "Use the source of another version (--kernel-source PATH)"
            )

    def make(self, target: str, step: Step | None = None) -> None:
        """One target, with all cores."""
        jobs = len(os.sched_getaffinity(0))
        command = ["make", f"-j{jobs}", "ARCH=um", f"O={self.objects}", target]
        self._run(command, step)

    def _run(self, command: Sequence[str], step: Step | None) -> None:
        with (
            open(self._log, "ab") as log,
            subprocess.Popen(
                command,
                cwd=self._source,
                env=_build_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[self._lock_fd],
            ) as process,
        ):
            assert process.stdout is not None
            for number, line in enumerate(process.stdout):
                log.write(line)
                if step is not None:
                    step.done(number)
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, command)


def _unpack(tarball: Path, patches: Iterable[Path], work: Path, reporter: Reporter) -> None:
    partial = work / "unpacked"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    command = ["tar", "-x", "-v", "-f", str(tarball), "-C", str(partial)]
    with (
        reporter.step("Unpacking Linux's source", _SOURCE_FILES) as step,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
    ):
        assert process.stdout is not None
        said = b""
        for number, line in enumerate(process.stdout):
            said = line
            step.done(number)
    if process.returncode != 0:
        raise SetupError(f"{tarball} could not be unpacked: {said.decode(errors='replace')}")
    [top] = partial.iterdir()
    for patch in patches:
        command = ["patch", "-p1", "--batch", "--forward", "-i", str(patch)]
        result = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise SetupError(
                f"{patch.name} does not fit this kernel's source:\n{result.stdout.strip()}\n"
                "Use the source of another version (--kernel-source PATH)"
            )
    top.rename(work / "source")


def _finish(work: Path, maker: _Maker, build_s: float) -> Compiled:
    product = work / "product"
    shutil.rmtree(product, ignore_errors=True)
    product.mkdir()
    linux = maker.objects / "linux"
    symbols = subprocess.run(["nm", linux], capture_output=True, text=True, check=True).stdout
    clock = re.search(r"^([0-9a-f]+) \w time_travel_time$", symbols, re.MULTILINE)
    release = (maker.objects / "include" / "config" / "kernel.release").read_text().strip()
    subprocess.run(["strip", "-o", product / "linux", linux], check=True)
    shutil.copy(maker.objects / ".config", product / "config")
    shutil.copy(work / "build.log", product / "build.log")
    if clock is None:
        raise SetupError("The built kernel has no virtual clock (time_travel_time)")
    return Compiled(release, int(clock[1], 16), round(build_s, 1))


def _build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {name: environment[name] for name in ("PATH", "HOME", "TMPDIR") if name in environment}
    # Same source, same compiler: same kernel, whoever builds it.
    return {
        **kept,
        "LC_ALL": "C",
        "KBUILD_BUILD_USER": "fibercut",
        "KBUILD_BUILD_HOST": "guest",
        "KBUILD_BUILD_VERSION": "1",
        "KBUILD_BUILD_TIMESTAMP": "2023-11-14",
    }


def _compiles() -> bool:
    probe = "#include <stdio.h>\n#include <sys/stat.h>\n"
    command = ["gcc", "-fsyntax-only", "-x", "c", "-"]
    return (
        subprocess.run(command, input=probe, text=True, capture_output=True, check=False).returncode
        == 0
    )


def _failure(error: subprocess.CalledProcessError, log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    telling = [line for line in lines if "error" in line.lower() or "not found" in line] or lines
    told = "".join(f"\n  {line}" for line in telling[-8:])
    return (
        f"{' '.join(map(str, error.cmd))} failed with {error.returncode}:{told}\nAll of it: {log}"
    )
