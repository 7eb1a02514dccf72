"""A command in a root file system as in a container: own processes, devices and temporary files.

The user has no way to become root, as on a machine where he has no rights.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.vm.project import packed
from tests.vm.root_file_system import FOLDER, USER, USER_ID

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def bring(source: Path, root: Path) -> None:
    """Copy a work tree into the user's folder."""
    folder = root / FOLDER.lstrip("/")
    folder.mkdir()
    subprocess.run(["tar", "x", "-C", str(folder)], input=packed(source), check=True)
    own(root, folder)


def own(root: Path, folder: Path) -> None:
    """Give a folder inside to the user."""
    inside = f"/{folder.relative_to(root)}"
    command = ["chroot", str(root), "chown", "-R", f"{USER}:{USER}", inside]
    subprocess.run(command, check=True)


def command_in(
    root: Path, command: Sequence[str], environment: Mapping[str, str], *, as_root: bool = False
) -> list[str]:
    """What runs a command there, in the project's folder, as the user or as root."""
    settings = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": f"/home/{USER}", **environment}
    bubblewrap = [
        *("bwrap", "--bind", str(root), "/", "--dev", "/dev", "--proc", "/proc"),
        *("--ro-bind", "/sys", "/sys", "--tmpfs", "/run"),
        *("--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"),
        *("--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf"),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"),
        *("--cap-add", "ALL", "--clearenv", "--chdir", FOLDER),
        *(word for name, value in settings.items() for word in ("--setenv", name, value)),
        "--",
    ]
    user = [
        *("setpriv", "--reuid", str(USER_ID), "--regid", str(USER_ID), "--clear-groups"),
        *("--inh-caps=-all", "--no-new-privs"),
    ]
    return [*bubblewrap, *([] if as_root else user), *command]
