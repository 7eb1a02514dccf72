"""A virtual machine in QEMU that starts a Debian kernel directly, and is entered through SSH."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vm.project import packed
from tests.vm.root_file_system import FOLDER, USER, make_bootable, make_image

# QEMU's own network: 10.0.2.3 asks the resolver of the machine that it runs on.
_NAMESERVER = "10.0.2.3"
_NICENESS = 10
_POLL_S = 2.0
_KVM_S = 60.0
_BOOT_S = 900.0


class MachineDied(Exception):
    """The virtual machine ended, or did not come up in time."""


@dataclass(frozen=True, slots=True)
class Disk:
    """What a machine starts from."""

    image: Path
    kernel: Path
    initrd: Path
    key: Path


def make_disk(root: Path, folder: Path, size: str = "16G") -> Disk:
    """A disk from a root file system, with the kernel that is installed in it, and a new key."""
    disk = _disk(folder)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(disk.key)]
    subprocess.run(command, check=True)
    make_bootable(root, disk.key.with_suffix(".pub").read_text(), _NAMESERVER)
    shutil.copy(max((root / "boot").glob("vmlinuz-*")), disk.kernel)
    shutil.copy(max((root / "boot").glob("initrd.img-*")), disk.initrd)
    unfinished = disk.image.with_suffix(".partial")
    make_image(root, unfinished, size)
    unfinished.rename(disk.image)
    return disk


def kept_disk(folder: Path) -> Disk | None:
    """What make_disk has made there before, as its machine has left it; None if it has not."""
    disk = _disk(folder)
    return disk if disk.image.exists() else None


def _disk(folder: Path) -> Disk:
    return Disk(folder / "disk.img", folder / "vmlinuz", folder / "initrd", folder / "key")


class Machine:
    """A running machine. `accelerator`: `kvm`, or `tcg` (software, ten times slower or worse)."""

    def __init__(self, process: subprocess.Popen[bytes], accelerator: str, ssh: list[str]) -> None:
        self.accelerator = accelerator
        self._process = process
        self._ssh = ssh

    def run(
        self, command: str, timeout_s: float, *, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A shell line as the user in its home folder, as `vagrant ssh -c` does it."""
        done = subprocess.run(
            [*self._ssh, command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def terminal(self, command: str) -> subprocess.Popen[bytes]:
        """The same on a terminal of its own, whose keys are the process's standard input."""
        pipe = subprocess.PIPE
        return subprocess.Popen([*self._ssh, "-tt", command], stdin=pipe, stdout=pipe, stderr=pipe)

    def bring(self, source: Path) -> None:
        """Copy a work tree into the user's folder."""
        done = self.run(f"mkdir -p {FOLDER} && tar x -C {FOLDER}", 600, stdin=packed(source))
        if done.returncode:
            raise MachineDied(f"the project could not be copied: {done.stderr}")

    def wait_until_up(self, timeout_s: float) -> None:
        """Wait until the user can log in. Raises MachineDied."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            if self._process.poll() is not None:
                raise MachineDied(f"QEMU ended with {self._process.returncode}")
            try:
                if self.run("systemctl is-system-running --wait", 120).returncode in (0, 1):
                    return
            except subprocess.TimeoutExpired:
                continue
            time.sleep(_POLL_S)
        raise MachineDied(f"the machine was not up after {timeout_s:g} s (see its console.log)")


@contextmanager
def running(disk: Disk, folder: Path, cores: int, memory_mb: int) -> Iterator[Machine]:
    """Start a machine and wait until it is up; it is ended, and its changes stay on the disk.

    With KVM where guests really run on it (the device alone does not tell), else in software.
    """
    for accelerator in ("kvm", "tcg"):
        if accelerator == "kvm" and not _kvm_works(disk, folder):
            continue
        port = _free_port()
        process = _start(disk, folder, accelerator, port, cores, memory_mb)
        try:
            machine = Machine(process, accelerator, _ssh(disk.key, port))
            machine.wait_until_up(_BOOT_S)
            yield machine
        finally:
            process.terminate()
            process.wait()
        return


def _kvm_works(disk: Disk, folder: Path) -> bool:
    """Whether the kernel says anything when it is started on KVM."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    console = folder / "kvm.log"
    console.unlink(missing_ok=True)
    process = _start(disk, folder, "kvm", _free_port(), 1, 1024, console=console, snapshot=True)
    try:
        end_s = time.monotonic() + _KVM_S
        while time.monotonic() < end_s and process.poll() is None:
            if console.exists() and b"Linux version" in console.read_bytes():
                return True
            time.sleep(0.2)
        return False
    finally:
        process.kill()
        process.wait()


def _start(
    disk: Disk,
    folder: Path,
    accelerator: str,
    port: int,
    cores: int,
    memory_mb: int,
    *,
    console: Path | None = None,
    snapshot: bool = False,
) -> subprocess.Popen[bytes]:
    # In software the machine's clock counts its own instructions (2 ns each): it is a slow machine,
    # and not one that stands still for seconds whenever this one is busy.
    clock = ["-icount", "shift=1,sleep=on"] if accelerator == "tcg" else []
    drive = f"file={disk.image},if=virtio,format=raw,cache=unsafe"
    options: Sequence[str] = (
        *clock,
        *("-accel", accelerator, "-cpu", "max", "-smp", str(cores), "-m", str(memory_mb)),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-serial", f"file:{console or folder / 'console.log'}"),
        *("-kernel", str(disk.kernel), "-initrd", str(disk.initrd)),
        *("-append", "root=/dev/vda rw console=ttyS0 panic=-1"),
        *("-drive", drive + (",snapshot=on" if snapshot else "")),
        *("-nic", f"user,model=virtio,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *("-device", "virtio-rng-pci"),
    )
    command = ["nice", "-n", str(_NICENESS), "qemu-system-x86_64", *options]
    with (folder / "qemu.log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _ssh(key: Path, port: int) -> list[str]:
    settings = {
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
        "BatchMode": "yes",
        "ConnectTimeout": "30",
        "ServerAliveInterval": "30",
        "ServerAliveCountMax": "20",
    }
    words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "/dev/null", "-i", str(key), "-p", str(port), *words, f"{USER}@127.0.0.1"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
