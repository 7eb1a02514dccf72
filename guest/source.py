"""The kernel's source: the distribution's package, or a tarball that the user names.

Linux 6.16 is the oldest that will do: it brought seccomp mode to User-Mode Linux.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guest.archives import Archive, backports_archive, system_archives
from guest.errors import SetupError
from guest.private_apt import Package, PrivateApt
from guest.progress import Reporter

MINIMUM_VERSION = (6, 16)
# Taken where the archive has it, so that all users run the kernel the tests ran on.
TESTED_VERSION = (7, 2)
BACKPORTS_SUITE = "trixie-backports"

_PACKAGE_NAME = re.compile(r"^linux-(?:hwe-[\d.]+-)?source-(\d+)\.(\d+)(?:\.\d+)?$")
_ADVICE = (
    "Give a tarball of Linux 6.16 or later with --kernel-source PATH (from kernel.org), or"
    " name a mirror of Debian in FIBERCUT_DEBIAN_MIRROR and install debian-archive-keyring"
)


@dataclass(frozen=True, slots=True)
class KernelSource:
    """A tarball of Linux. label: where it comes from, for people."""

    tarball: Path
    version: tuple[int, int]
    label: str


def source_from_path(path: Path) -> KernelSource:
    """The user's own tarball; SetupError if it is not Linux 6.16 or later."""
    if not path.is_file():
        kind = "is a folder, not a tarball" if path.is_dir() else "does not exist"
        raise SetupError(f"--kernel-source {path}: it {kind}; give a tarball of Linux's source")
    try:
        makefile = _read_makefile(path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SetupError(
            f"--kernel-source {path}: not a readable tarball ({error});"
            " allowed are .tar, .tar.xz, .tar.gz and .tar.bz2"
        ) from None
    version = makefile_version(makefile)
    if version is None:
        raise SetupError(f"--kernel-source {path}: this is not the source of a Linux kernel")
    if version < MINIMUM_VERSION:
        raise SetupError(
            f"--kernel-source {path}: this is Linux {_dotted(version)}, and 6.16 or later is"
            " needed (it brought seccomp mode to User-Mode Linux)"
        )
    return KernelSource(path.resolve(), version, path.name)


def fetch_source(folder: Path, reporter: Reporter) -> KernelSource:
    """The distribution's package of Linux's source, unpacked to one tarball in `folder`.

    A tarball that an interrupted build has left there is used again.
    """
    kept = sorted(folder.glob("*.tar.*"))
    if kept:
        return source_from_path(kept[-1])
    reasons = []
    for archives in _offers(system_archives()):
        apt = PrivateApt(folder / "apt", archives)
        place = f"{archives[0].uri} {' '.join(archives[0].suites)}"
        try:
            reporter.say(f"Looking for Linux's source in {place}")
            apt.update()
            package = choose_package(apt.packages("linux-"))
        except SetupError as error:
            reasons.append(f"{place}: {error}")
            continue
        if package is None:
            reasons.append(f"{place}: no linux-source of 6.16 or later")
            continue
        tarball = _unpack(apt.download(package, reporter), folder, package)
        shutil.rmtree(folder / "apt")
        return source_from_path(tarball)
    told = "".join(f"\n  {reason}" for reason in reasons)
    raise SetupError(f"No source of Linux 6.16 or later was found.{told}\n{_ADVICE}")


def choose_package(packages: Sequence[Package]) -> Package | None:
    """The tested version where it is offered, else the newest that is new enough."""
    versions: list[tuple[bool, tuple[int, int], Package]] = []
    for package in packages:
        match = _PACKAGE_NAME.match(package.name)
        version = (int(match[1]), int(match[2])) if match else (0, 0)
        if version >= MINIMUM_VERSION:
            versions.append((version == TESTED_VERSION, version, package))
    return max(versions, key=lambda item: item[:2])[2] if versions else None


def makefile_version(text: str) -> tuple[int, int] | None:
    """Major and minor version that Linux's top Makefile states."""
    fields = dict(re.findall(r"^(VERSION|PATCHLEVEL) = (\d+)$", text, re.MULTILINE))
    return (int(fields["VERSION"]), int(fields["PATCHLEVEL"])) if len(fields) == 2 else None


def _offers(own: Sequence[Archive]) -> list[Sequence[Archive]]:
    backports = backports_archive(own, BACKPORTS_SUITE)
    # The archive's own key must vouch for all of them: others (a vendor's) have no kernel source.
    distribution = [
        one for one in own if "main" in one.components and "archive-keyring" in one.signed_by
    ]
    offers: list[Sequence[Archive]] = [[backports]] if backports else []
    if distribution:
        offers.insert(0 if not any(one.is_debian for one in own) else len(offers), distribution)
    return offers


def _unpack(deb: Path, folder: Path, package: Package) -> Path:
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    quiet = subprocess.DEVNULL  # its complaint that nobody reads to the end
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            name = member.name.rsplit("/", 1)[-1]
            if member.isfile() and re.search(r"/usr/src/.*\.tar\.\w+$", member.name):
                stream = archive.extractfile(member)
                assert stream is not None  # a regular file always has one
                ending = name[name.index(".tar.") :]
                target = folder / f"{package.name}_{package.version}{ending}"
                partial = target.with_suffix(".partial")
                with open(partial, "wb") as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
                partial.rename(target)
                return target
    raise SetupError(f"{deb.name} holds no tarball of Linux's source. {_ADVICE}")


def _read_makefile(path: Path) -> str:
    with tarfile.open(path, mode="r|*") as archive:
        for member in archive:
            parts = member.name.removeprefix("./").split("/")
            if len(parts) == 2 and parts[1] == "Makefile" and member.isfile():
                stream = archive.extractfile(member)
                return stream.read().decode(errors="replace") if stream else ""
    return ""


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
