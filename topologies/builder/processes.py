"""The processes of a network: those in its namespaces, and those that bear its mark.

Everything that a node starts has its network's owner in its environment. So what a switch
has started is found too, which runs in the namespace of the builder.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from topologies.builder.errors import BuildError

MARK = "FIBERCUT_NETWORK"
_MARKED = f"\0{MARK}=".encode()
_END_S = 30.0


def namespaces_of_processes() -> Iterator[tuple[int, int]]:
    """Each process with its network namespace (inode)."""
    for pid in _all_processes():
        with suppress(OSError):  # it ended meanwhile, or is not ours to look at
            yield pid, _namespace_of(pid)


def namespaces_of(pids: Iterable[int]) -> frozenset[int]:
    """The network namespaces (inodes) of processes, without the calling thread's own."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            found.add(_namespace_of(pid))
    return frozenset(found - {_namespace_of("thread-self")})


def marked_processes() -> Iterator[tuple[int, str]]:
    """Each process that a network's node has started, with the network's owner."""
    for pid in _all_processes():
        with suppress(OSError):
            if mark := _mark_of(pid):
                yield pid, mark


def end_processes(owner: str, namespaces: Collection[int]) -> None:
    """Kill what runs in these namespaces or bears this owner's mark, and wait for its end.

    Raises BuildError if a process does not end.
    """
    # What one that is killed has started meanwhile is found at the next look.
    while pids := list(_of_network(owner, namespaces)):
        for pid in pids:
            end_process(pid)


def end_process(pid: int) -> None:
    """Kill a process, if it is there. Raises BuildError when it does not end."""
    with suppress(ProcessLookupError):
        ended = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(ended, signal.SIGKILL)
            waiting = select.poll()  # select() knows no file above 1023
            waiting.register(ended, select.POLLIN)
            if not waiting.poll(_END_S * 1000):
                raise BuildError(f"process {pid} did not end within {_END_S:g} s")
        finally:
            os.close(ended)


def _of_network(owner: str, namespaces: Collection[int]) -> Iterator[int]:
    own = os.getpid()
    for pid in _all_processes():
        with suppress(OSError):
            if pid != own and (_namespace_of(pid) in namespaces or _mark_of(pid) == owner):
                yield pid


def _all_processes() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def _namespace_of(pid: int | str) -> int:
    # A Path takes longer than the system call, and this is asked of all processes.
    return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116


def _mark_of(pid: int) -> str | None:
    with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
        environment = b"\0" + file.readall()
    _, marked, rest = environment.partition(_MARKED)
    return rest.partition(b"\0")[0].decode(errors="replace") if marked else None
