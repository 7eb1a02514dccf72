"""Stands between the caller and the guest's kernel, so that nothing is left behind.

A program of its own (standard library only). It ends the guest with all its processes when
told to, or when the caller is gone in whatever way: its standard input is a pipe from the
caller and then reads as ended. If this program is killed itself, the kernel ends the guest
(PR_SET_PDEATHSIG), and the guest's own processes end with it in the same way.

usage: keeper.py CORE FOLDER LOG FIRST FDS -- COMMAND...
    FOLDER is where COMMAND runs, and removed when the caller is gone.
    FDS (comma-separated) are handed to COMMAND as FIRST and the numbers after it.
Standard input, one letter each: k ends the guest, s stops it for a while, c continues it.
Standard output: the guest's process id, then how it ended (as from os.waitstatus_to_exitcode).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import shutil
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_ORDERS = {b"k": signal.SIGKILL, b"s": signal.SIGSTOP, b"c": signal.SIGCONT}


def main(arguments: Sequence[str]) -> int:
    """Start the command, obey, and report."""
    core, folder, log, first, listed, _, *command = arguments
    fds = [int(fd) for fd in listed.split(",")]
    os.setsid()  # the terminal's Ctrl-C is the caller's to handle
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.sched_setaffinity(0, {int(core)})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        os.chdir(folder)
        _hand_over(fds, int(first))
        _become(command, log)
    for fd in fds:
        os.close(fd)
    print(pid, flush=True)
    caller_lives = _obey(pid)
    _, status = os.waitpid(pid, 0)
    _end_all_children()
    if not caller_lives:
        shutil.rmtree(folder, ignore_errors=True)
        return 1
    print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


def _hand_over(fds: Sequence[int], first: int) -> None:
    beyond = first + len(fds)
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, beyond) for fd in fds]
    for number, copy in enumerate(copies, first):
        os.dup2(copy, number)
    os.closerange(beyond, max(copies) + 1)


def _become(command: Sequence[str], log: str) -> None:
    try:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.execv(command[0], list(command))  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    os._exit(127)


def _obey(pid: int) -> bool:
    """Until the guest has ended: the caller's orders. False if the caller has gone."""
    ended = os.pidfd_open(pid)
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        if ended in ready:
            return True
        order = os.read(0, 1)
        os.kill(pid, _ORDERS.get(order, signal.SIGKILL))
        if not order:
            return False


def _end_all_children() -> None:
    """What the guest's kernel left behind has become this process's child."""
    with contextlib.suppress(ChildProcessError):
        while True:
            with open(f"/proc/self/task/{os.getpid()}/children") as listed:
                for child in listed.read().split():
                    os.kill(int(child), signal.SIGKILL)
            os.waitpid(-1, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
