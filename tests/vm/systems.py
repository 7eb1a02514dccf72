"""The systems that Fibercut promises to run on, and where their packages come from.

Mirrors are those of this machine's own apt sources, so nothing here names one of Debian's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guest.archives import Archive, backports_archive, system_archives
from topologies.problems import InputError, Problem

_UBUNTU_KEYRINGS = (
    Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
    Path("/usr/share/keyrings/ubuntu-keyring.gpg"),
)


@dataclass(frozen=True, slots=True)
class System:
    """A release of a distribution.

    suites: of the main archive; security: the security archive's suite, if it is a separate one.
    kernel: the package of its own kernel, for virtual machines.
    """

    name: str
    distribution: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    security: str
    kernel: str


SYSTEMS = {
    system.name: system
    for system in (
        System(
            "debian12",
            "debian",
            ("bookworm", "bookworm-updates"),
            ("main",),
            "bookworm-security",
            "linux-image-amd64",
        ),
        System(
            "debian13",
            "debian",
            ("trixie", "trixie-updates"),
            ("main",),
            "trixie-security",
            "linux-image-amd64",
        ),
        System(
            "ubuntu24.04",
            "ubuntu",
            ("noble", "noble-updates", "noble-security"),
            ("main", "universe"),
            "",
            "linux-image-generic",
        ),
    )
}


def archives_of(
    system: System,
    ubuntu_mirror: str | None = None,
    ubuntu_keyring: Path | None = None,
    here: Sequence[Archive] | None = None,
) -> list[Archive]:
    """The system's archives on this machine's mirrors. Raises InputError if there are none.

    ubuntu_mirror, ubuntu_keyring: for Ubuntu on a machine that is not one.
    here: this machine's archives, if not those of its apt.
    """
    found = system_archives() if here is None else list(here)
    if system.distribution == "ubuntu":
        return [_ubuntu(system, found, ubuntu_mirror, ubuntu_keyring)]
    main = backports_archive(found, system.suites[0])
    if main is None:
        message = "this machine's apt sources name no mirror of Debian with a keyring"
        raise InputError([Problem(system.name, message)])
    main = Archive(main.uri, system.suites, system.components, main.signed_by)
    security = [archive for archive in found if archive.uri.rstrip("/").endswith("-security")]
    return [main, *(replace(one.with_suites(system.security)) for one in security[:1])]


def _ubuntu(
    system: System, here: Sequence[Archive], mirror: str | None, keyring: Path | None
) -> Archive:
    own = next((one for one in here if one.uri.rstrip("/").endswith("/ubuntu")), None)
    uri = mirror or (own.uri if own else None)
    key = str(keyring) if keyring else (own.signed_by if own else "") or _first(_UBUNTU_KEYRINGS)
    if not uri or not key:
        message = (
            "this machine's apt sources name no mirror of Ubuntu: give --ubuntu-mirror URL and "
            "--ubuntu-keyring FILE (in Debian's package ubuntu-keyring)"
        )
        raise InputError([Problem(system.name, message)])
    return Archive(uri, system.suites, system.components, key)


def _first(paths: Sequence[Path]) -> str:
    return next((str(path) for path in paths if path.is_file()), "")
