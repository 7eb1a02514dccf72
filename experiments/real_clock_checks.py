"""The doctor's look at what the clock `real` needs: root, kernel modules, Open vSwitch running."""

from __future__ import annotations

import platform
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from experiments.diagnosis import REAL, Check
from experiments.privileges import is_root, sudo_is_open
from topologies.builder.errors import BuildError
from topologies.builder.leftovers import leftovers

_DATAPATH = "openvswitch"
_OF_LINKS = ("veth", "sch_netem", "sch_prio", "cls_u32", "cls_matchall", "act_police")
_OF_FAULTS = ("sch_ingress", "sch_htb", "act_gact", "act_mirred")
_DATABASE = Path("/run/openvswitch/db.sock")


def real_clock_checks() -> list[Check]:
    """What the host's own kernel must offer for real time."""
    return [
        _root(),
        _modules("kernel module openvswitch", (_DATAPATH,), "forwards the packets"),
        _modules("kernel modules for links", _OF_LINKS, "gives spans their delay and rate"),
        _modules(
            "kernel modules for faults",
            _OF_FAULTS,
            "some faults, traffic classes, plain Mininet",
            (),
        ),
        _service(),
        *_leftovers(),
    ]


def module_source(name: str, loaded: str, builtin: str) -> str | None:
    """How the kernel has a module: `loaded`, `built in`, or None.

    loaded: the text of /proc/modules; builtin: of modules.builtin.
    """
    if any(line.split()[0] == name for line in loaded.splitlines() if line):
        return "loaded"
    if any(Path(line).name.partition(".ko")[0] == name for line in builtin.splitlines()):
        return "built in"
    return None


def _root() -> Check:
    through_sudo = not is_root() and sudo_is_open()
    found = "yes, through sudo" if through_sudo else "yes" if is_root() else "no"
    return Check(
        "real time",
        "root",
        is_root() or through_sudo,
        found,
        "only root may change the host's network",
        "start fibercut with sudo",
        (REAL,),
    )


def _modules(
    title: str, names: Sequence[str], why: str, needed_for: tuple[str, ...] = (REAL,)
) -> Check:
    """One check of modules that this kernel may have loaded, built in, or on its disk."""
    release = platform.release()
    loaded = _text(Path("/proc/modules"))
    builtin = _text(Path("/lib/modules") / release / "modules.builtin")
    sources = {name: module_source(name, loaded, builtin) for name in names}
    for name, source in sources.items():
        if source is None and _can_be_loaded(name):
            sources[name] = "can be loaded"
    missing = [name for name, source in sources.items() if source is None]
    found = ", ".join(dict.fromkeys(source for source in sources.values() if source))
    absent = f"not in this kernel ({release})"
    if len(names) > 1:
        absent = f"{', '.join(missing)} {absent}"
    return Check(
        "real time",
        title,
        not missing,
        absent if missing else found,
        why,
        "use the virtual machine (vagrant up), or a kernel that has them",
        needed_for,
    )


def _can_be_loaded(name: str) -> bool:
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if modprobe is None:
        return False
    done = subprocess.run([modprobe, "-n", name], capture_output=True, timeout=10, check=False)
    return done.returncode == 0


def _service() -> Check:
    running = _DATABASE.exists() and stat.S_ISSOCK(_DATABASE.stat().st_mode)
    return Check(
        "real time",
        "Open vSwitch service",
        running,
        "running" if running else f"not running (no {_DATABASE})",
        "the host's own switches belong to it",
        "sudo systemctl start openvswitch-switch",
        (REAL,),
    )


def _leftovers() -> list[Check]:
    """What killed runs have left; only root can see that, and only while Open vSwitch runs."""
    try:
        found = leftovers()
    except (BuildError, OSError):
        return []
    return [
        Check(
            "real time",
            "networks left behind",
            not found,
            "; ".join(map(str, found)) or "none",
            "of runs that were killed together with their guards",
            "./fibercut clean (the next run does it, too)",
            (),
        )
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
