"""What the host can give a guest: a core of its own, and memory."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from guest.errors import SetupError

_MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")


@dataclass(frozen=True, slots=True)
class Core:
    """A core, held for one guest for as long as `lock` is open (None: shared with another)."""

    number: int
    lock: IO[str] | None

    def release(self) -> None:
        """Let other guests have it."""
        if self.lock is not None:
            self.lock.close()


def choose_core(wanted: int | None, locks: Path) -> Core:
    """The wanted core, or one that no guest of this user runs on, or else any allowed one.

    Guests on one core are correct but slow each other down. Raises SetupError for a core
    that this process may not use.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if wanted is not None and wanted not in allowed:
        listed = ", ".join(map(str, allowed))
        raise SetupError(f"core: {wanted} is not allowed here; there are: {listed}")
    locks.mkdir(parents=True, exist_ok=True)
    for number in [wanted] if wanted is not None else reversed(allowed):
        lock = open(locks / f"core-{number}", "w", encoding="utf-8")  # noqa: SIM115 (kept open)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return Core(number, lock)
    return Core(wanted if wanted is not None else allowed[os.getpid() % len(allowed)], None)


def check_memory(memory_mb: int, meminfo: Path = Path("/proc/meminfo")) -> None:
    """SetupError if the host has less memory to give than the guest may take."""
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    available_mb = int(fields["MemAvailable"].split()[0]) // 1024
    if available_mb < memory_mb:
        raise SetupError(
            f"memory_mb: the guest may take {memory_mb} MB, and this machine has {available_mb} MB"
            " available: give the guest less, or end something else"
        )


def memory_folder(
    memory_mb: int,
    candidates: Sequence[Path] | None = None,
    mounts: Path = Path("/proc/self/mounts"),
    free_mb: Callable[[Path], float] = lambda path: shutil.disk_usage(path).free / 2**20,
) -> Path:
    """A folder in memory (tmpfs) where the guest's memory can lie: writable, exec, big enough.

    Raises SetupError with what is wrong with each candidate.
    """
    kinds = _filesystems(mounts)
    reasons = []
    for folder in _usual_folders() if candidates is None else candidates:
        mount = next((kinds[one] for one in (folder, *folder.parents) if one in kinds), ("", ""))
        kind, options = mount
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            reasons.append(f"{folder} is not a folder that you may write to")
        elif kind not in _MEMORY_FILESYSTEMS:
            reasons.append(f"{folder} is not in memory ({kind})")
        elif "noexec" in options.split(","):
            reasons.append(
                f"{folder} is mounted noexec (mend: sudo mount -o remount,exec {folder})"
            )
        elif free_mb(folder) < memory_mb:
            reasons.append(f"{folder} has {free_mb(folder):.0f} MB free, less than {memory_mb}")
        else:
            return folder
    told = "".join(f"\n  {reason}" for reason in reasons)
    raise SetupError(
        f"The guest's memory ({memory_mb} MB) needs a folder in memory (tmpfs) that allows exec:"
        f"{told}\nGive the guest less memory, enlarge /dev/shm (in Docker: --shm-size=2g), or"
        " name another such folder in TMPDIR"
    )


def _usual_folders() -> list[Path]:
    named = [os.environ.get(name, "") for name in ("TMPDIR", "XDG_RUNTIME_DIR")]
    return [Path(path) for path in ("/dev/shm", *named, "/tmp") if path.startswith("/")]  # noqa: S108


def _filesystems(mounts: Path) -> dict[Path, tuple[str, str]]:
    found = {}
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, kind, options, *_ = line.split(" ")
        found[Path(point.encode().decode("unicode_escape"))] = (kind, options)
    return found
