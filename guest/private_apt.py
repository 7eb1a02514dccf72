"""apt for one download, with state of its own: no root, and the system's apt is not touched.

The system's apt configuration (proxies, certificates) stays in force; its sources, lists,
caches, pins and hooks do not.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guest.archives import Archive
from guest.errors import SetupError
from guest.progress import Reporter

_POLL_S = 0.2
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{folder}/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "{folder}/preferences";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11 {{ DefaultEnabled "false"; }};
Acquire::IndexTargets::deb::Contents-deb {{ DefaultEnabled "false"; }};
// As root, apt would warn that its download user cannot write here.
APT::Sandbox::User "root";
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that the archive offers."""

    name: str
    version: str
    size_bytes: int


class PrivateApt:
    """apt whose whole state lies in `folder`, knowing only `archives`.

    Raises SetupError where apt is missing or the folder's name is not fit for its configuration.
    """

    def __init__(self, folder: Path, archives: Sequence[Archive]) -> None:
        if re.search(r'["\\;{}\n]', str(folder)):
            raise SetupError(f"apt cannot work in a folder with this name: {folder}")
        self._folder = folder
        self._configuration = folder / "apt.conf"
        for name in (
            "state",
            "lists/partial",
            "cache/archives/partial",
            "sources",
            "preferences",
        ):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        stanzas = "\n".join(archive.deb822() for archive in archives)
        (folder / "sources" / "archives.sources").write_text(stanzas, encoding="utf-8")
        self._configuration.write_text(_CONFIGURATION.format(folder=folder), encoding="utf-8")

    def update(self) -> None:
        """Read the archives' lists of packages; SetupError with apt's words if it cannot."""
        self._apt("apt-get", "-q", "update", "--error-on=any")

    def packages(self, prefix: str) -> list[Package]:
        """What the archives offer under names that start so, newest version of each."""
        names = self._apt("apt-cache", "pkgnames", prefix).split()
        if not names:
            return []
        stanzas = self._apt("apt-cache", "show", "--no-all-versions", *sorted(names))
        return [_package(stanza) for stanza in stanzas.strip().split("\n\n")]

    def download(self, package: Package, reporter: Reporter) -> Path:
        """The package's file (in the folder's `cache`), its signature chain checked by apt."""
        target = self._folder / "cache"
        command = self._command("apt-get", "-q", "download", package.name)
        title = f"Fetching {package.name} {package.version} ({package.size_bytes // 10**6} MB)"
        with (
            reporter.step(title, package.size_bytes) as step,
            open(self._folder / "download.log", "w+b") as log,
            subprocess.Popen(command, cwd=target, stdout=log, stderr=log, env=_plain()) as process,
        ):
            while process.poll() is None:
                try:
                    process.wait(_POLL_S)
                except subprocess.TimeoutExpired:
                    step.done(_size_below(target))
            log.seek(0)
            said = log.read().decode(errors="replace")
        found = sorted(target.glob(f"{package.name}_*.deb"))
        if process.returncode != 0 or not found:
            raise SetupError(f"{package.name} could not be fetched; apt said:\n{said.strip()}")
        return found[-1]

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [program, "-c", str(self._configuration), *arguments]

    def _apt(self, program: str, *arguments: str) -> str:
        command = self._command(program, *arguments)
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, check=False, env=_plain()
            )
        except FileNotFoundError:
            raise SetupError(
                f"{program} is not on this machine: give the kernel's source with"
                " --kernel-source PATH (a tarball from kernel.org will do)"
            ) from None
        if result.returncode != 0:
            raise SetupError(f"{program} {arguments[-1]} failed:\n{result.stderr.strip()}")
        return result.stdout


def _plain() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def _package(stanza: str) -> Package:
    fields = dict(re.findall(r"^(Package|Version|Size): (\S+)$", stanza, re.MULTILINE))
    return Package(fields["Package"], fields["Version"], int(fields.get("Size", "0")))


def _size_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*.deb*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # apt has just renamed it
            continue
    return total
