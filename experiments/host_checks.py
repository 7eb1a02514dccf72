"""The doctor's look at the machine itself, its programs and its Python packages."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Mapping
from ctypes.util import find_library
from pathlib import Path

from experiments.diagnosis import CLOCKS, VIRTUAL, Check

# In the source folder, or where the wheel has it.
_PROVISION = (Path(__file__).parent.parent / "provision", Path(__file__).parent / "provision")
SYSTEM_SCRIPT = next((one for one in _PROVISION if one.is_dir()), _PROVISION[0]) / "system.sh"
OLDEST_PYTHON = (3, 11)
# Two guests side by side, with what the runner and the host's cache take beside them.
ADVISED_MEMORY_MB = 4096
ADVISED_CORES = 2

_TOOLS = {
    "mn": "Mininet's own command",
    "mnexec": "Mininet starts the hosts' programs through it",
    "ovs-vsctl": "configures the switches",
    "ovs-vswitchd": "is the switches",
    "ovsdb-server": "keeps the switches' configuration",
    "ovsdb-tool": "makes the switches' database",
    "ip": "makes links and addresses",
    "tc": "gives links their rate, delay and loss",
    "ping": "tries connections",
    "ethtool": "switches segmentation offload off",
    "iperf3": "bulk traffic",
}
_PACKAGES = {
    "mininet": "builds the network",
    "ryu": "is the controller",
    "eventlet": "runs Ryu",
    "scapy": "crafts packets",
    "iperf3": "drives bulk traffic",
    "pydantic": "checks scenarios",
    "networkx": "computes paths",
    "numpy": "computes statistics",
    "topohub": "brings real topologies",
    "defusedxml": "reads foreign XML",
    "altair": "draws the report",
    "pytest": "runs the tests",
}


def install_line() -> str:
    """What installs the packages that the system lacks."""
    if SYSTEM_SCRIPT.is_file():
        return f"sudo {shlex.quote(str(SYSTEM_SCRIPT))}"
    return "as root, run provision/system.sh of Fibercut's source folder"


def available_memory_mb() -> int:
    """Memory that programs can still take without swapping."""
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    values = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    return int(values.get("MemAvailable", "0 kB").split()[0]) // 1024


def platform_checks() -> list[Check]:
    """The kind of machine, its Python, cores and memory."""
    machine, system = platform.machine(), platform.system()
    return [
        Check(
            "machine",
            "platform",
            (system, machine) == ("Linux", "x86_64"),
            f"{system} {machine}",
            "the guest kernel is built for x86-64 Linux",
            "use an x86-64 Linux machine",
            (VIRTUAL,),
        ),
        Check(
            "machine",
            "python",
            sys.version_info >= OLDEST_PYTHON,
            platform.python_version(),
            "Fibercut is written for Python 3.11 and newer",
            "use Debian 12, Ubuntu 24.04 or newer",
        ),
        *_advice(),
    ]


def tool_checks(tools: Mapping[str, str] = _TOOLS) -> list[Check]:
    """Programs of the system, looked for where root would find them, and iperf3's library."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    checks = [_there(name, shutil.which(name, path=path), why) for name, why in tools.items()]
    return [*checks, _there("libiperf", find_library("iperf"), "Python's iperf3 calls it")]


def package_checks(packages: Mapping[str, str] = _PACKAGES) -> list[Check]:
    """Python packages, by their installed version."""
    return [_package(name, why) for name, why in packages.items()]


def _advice() -> list[Check]:
    cores = len(os.sched_getaffinity(0))
    memory_mb = available_memory_mb()
    return [
        Check(
            "machine",
            "cores",
            cores >= ADVISED_CORES,
            str(cores),
            "each guest takes one core; with two, trials run side by side",
            f"give this machine {ADVISED_CORES} cores or more",
            (),
        ),
        Check(
            "machine",
            "memory",
            memory_mb >= ADVISED_MEMORY_MB,
            f"{memory_mb} MB available",
            "a guest takes 1 to 2 GB",
            f"free memory until {ADVISED_MEMORY_MB} MB are available",
            (),
        ),
    ]


def _there(name: str, place: str | None, why: str) -> Check:
    return Check("programs", name, place is not None, place or "missing", why, install_line())


def _package(name: str, why: str) -> Check:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if name == "mininet":
        mend = install_line()
    else:
        mend = "remove the folder .venv and start ./fibercut again"
    return Check("Python packages", name, bool(version), version or "missing", why, mend, CLOCKS)
