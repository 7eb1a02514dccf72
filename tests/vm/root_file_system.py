"""A fresh root file system of a system, from its packages, through mmdebstrap."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from guest.archives import Archive
from tests.vm.surroundings import surroundings
from tests.vm.systems import System
from topologies.problems import InputError, Problem

USER = "vagrant"
USER_ID = 1000
FOLDER = f"/home/{USER}/fibercut"
_KEYRING = "/usr/share/keyrings/{}-archive-keyring.gpg"
# What a Vagrant box has beside the base system.
_BASE = ("ca-certificates", "dbus", "iproute2", "rsync", "sudo", "systemd-sysv", "udev")
_NETWORK = "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n"


def need(*programs: str) -> None:
    """Raise InputError with a line that installs the programs that are missing."""
    packages = {
        "mmdebstrap": "mmdebstrap",
        "qemu-system-x86_64": "qemu-system-x86",
        "qemu-img": "qemu-utils",
        "mkfs.ext4": "e2fsprogs",
        "bwrap": "bubblewrap",
        "ssh": "openssh-client",
        "ssh-keygen": "openssh-client",
    }
    missing = sorted({packages[name] for name in programs if not shutil.which(name)})
    if missing:
        message = f"programs are missing; apt install {' '.join(missing)}"
        raise InputError([Problem("tests.vm", message)])


def build(
    system: System, archives: Sequence[Archive], root: Path, log: Path, more: Sequence[str] = ()
) -> None:
    """Make the folder `root` a fresh system with a user who may use sudo, as in a Vagrant box.

    more: further packages. Raises subprocess.CalledProcessError (the log says why).
    """
    sources = root.with_suffix(".sources")
    sources.write_text("\n".join(archive.deb822() for archive in archives), encoding="utf-8")
    command = [
        "mmdebstrap",
        "--variant=important",
        f"--include={','.join((*_BASE, *more))}",
        "--format=directory",
        system.suites[0],
        str(root),
        str(sources),
    ]
    with log.open("wb") as said:
        subprocess.run(command, stdout=said, stderr=said, check=True)
    _settle(system, archives, root)


def _settle(system: System, archives: Sequence[Archive], root: Path) -> None:
    """Sources that work inside, the user, and the ways to the network."""
    etc = root / "etc"
    inside = [replace(one, signed_by=_KEYRING.format(system.distribution)) for one in archives]
    shutil.rmtree(etc / "apt/sources.list.d")
    (etc / "apt/sources.list").unlink(missing_ok=True)
    (etc / "apt/sources.list.d").mkdir()
    stanzas = "\n".join(archive.deb822() for archive in inside)
    (etc / f"apt/sources.list.d/{system.distribution}.sources").write_text(stanzas)
    _chroot(root, "useradd", "--create-home", f"--uid={USER_ID}", "--shell=/bin/bash", USER)
    sudoers = etc / "sudoers.d" / USER
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD:ALL\n")
    sudoers.chmod(0o440)
    surroundings().enter(root)


def make_bootable(root: Path, public_key: str, nameserver: str) -> None:
    """Let a machine start from `root` with the network up, and its user come in by a key."""
    (root / "etc/systemd/network/80-wired.network").write_text(_NETWORK)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text(f"nameserver {nameserver}\n")
    (root / "etc/hostname").write_text("fibercut\n")
    with (root / "etc/hosts").open("a") as hosts:
        hosts.write("127.0.1.1 fibercut\n")
    _chroot(root, "systemctl", "enable", "systemd-networkd", "ssh")
    keys = root / f"home/{USER}/.ssh"
    keys.mkdir(mode=0o700)
    (keys / "authorized_keys").write_text(public_key)
    _chroot(root, "chown", "-R", f"{USER}:{USER}", f"/home/{USER}/.ssh")


def make_image(root: Path, image: Path, size: str) -> None:
    """An ext4 file system with the content of `root`; it takes only the space that is used."""
    subprocess.run(["truncate", "-s", size, str(image)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", str(root), str(image)], check=True)


def _chroot(root: Path, *command: str) -> None:
    subprocess.run(["chroot", str(root), *command], check=True, capture_output=True)
