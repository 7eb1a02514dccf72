"""The process that is all switches: ovs-vswitchd.

For each port that goes, ovs-vswitchd copies all that it knows of all its ports, and for
each bridge it ends and starts its threads: to take a thousand bridges down costs it more
than to build them. Where the machine's Open vSwitch is there for the network alone, as in
the guest, ending the process and its datapath and starting it anew does the same at once.
Such a machine says so by a program that starts the daemon.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from topologies.builder.errors import BuildError
from topologies.builder.ovsdb import run_folder
from topologies.builder.processes import end_process

START_PROGRAM = Path("/run/fibercut/start-switches")
_DATAPATH = "ovs-system"


def daemon_pid() -> int:
    """The process id of ovs-vswitchd. Raises BuildError when it does not run."""
    file = run_folder() / "ovs-vswitchd.pid"
    try:
        pid = int(file.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        raise BuildError(f"ovs-vswitchd does not run (by {file}); start Open vSwitch") from None
    return pid


def can_renew() -> bool:
    """Whether this machine lets us end ovs-vswitchd and start it anew."""
    return os.access(START_PROGRAM, os.X_OK)


@contextmanager
def renewed() -> Iterator[None]:
    """ovs-vswitchd and its datapath do not exist within, and ovs-vswitchd runs again after it.

    Only where `can_renew`, and only for who owns all bridges. Raises BuildError when the
    daemon does not start again.
    """
    with suppress(BuildError):  # an earlier attempt may have been cut short
        end_process(daemon_pid())
    _run(["ovs-dpctl", "del-dp", _DATAPATH], tolerated=1)  # there is none without a bridge
    try:
        yield
    finally:
        _run([str(START_PROGRAM)])


def _run(command: list[str], tolerated: int = 0) -> None:
    """Run a program whose output nobody wants. Its exit status is 0 or `tolerated`."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, tolerated):
        raise BuildError(f"{command[0]} failed ({done.returncode}): {done.stderr.strip()}")
