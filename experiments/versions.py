"""What a run was made with, so that it can be made again."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

_PACKAGES = (
    "ryu", "eventlet", "mininet", "scapy", "iperf3", "pydantic", "networkx", "numpy", "topohub",
)  # fmt: skip
_TOOLS = {
    "openvswitch": ("ovs-vswitchd", "--version"),
    "iproute2": ("ip", "-V"),
    "iperf3_tool": ("iperf3", "--version"),
}


def fibercut_version() -> str:
    """The installed version, or the one of the checkout that runs."""
    try:
        return importlib.metadata.version("fibercut")
    except importlib.metadata.PackageNotFoundError:
        return _version_in_checkout()


def versions() -> dict[str, str | None]:
    """Names and versions of everything that a result depends on; None where unknown."""
    found: dict[str, str | None] = {"fibercut": fibercut_version(), "commit": _commit()}
    found["python"] = platform.python_version()
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    for name, command in _TOOLS.items():
        output = _output(command)
        found[name] = output.splitlines()[0] if output else None
    return found


def machine() -> dict[str, str | int | None]:
    """The machine that a run was made on."""
    return {
        "system": platform.platform(),
        "processor": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
    }


def _version_in_checkout() -> str:
    import tomllib  # noqa: PLC0415 - only in a checkout that is not installed

    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    with pyproject.open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _commit() -> str | None:
    folder = str(Path(__file__).parent)
    commit = _output(("git", "-C", folder, "rev-parse", "HEAD"))
    if commit and _output(("git", "-C", folder, "status", "--porcelain")):
        commit += " with changes"
    return commit


def _cpu_model() -> str | None:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return None


def _output(command: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
