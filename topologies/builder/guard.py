"""A process that undoes a build when the builder dies without doing so.

It is told what to undo through a pipe and waits there; the end of the pipe means
that the builder is gone, however it ended. It is a plain fork of the builder, which
has all code at hand: a fresh interpreter would cost more than building the links.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

from topologies.builder.errors import BuildError
from topologies.builder.namespaces import processes_in
from topologies.builder.netlink import RouteSocket
from topologies.builder.ovsdb import Database
from topologies.builder.precedence import precedence
from topologies.builder.requests import delete_group
from topologies.builder.switches import remove_bridges

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Guard:
    """The builder's side of it."""

    def __init__(self, owner: str, group: int) -> None:
        reading, self._writing = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _serve(reading)
        os.close(reading)
        self._tell({"owner": owner, "group": group})

    def also(self, namespaces: Iterable[int]) -> None:
        """Processes in these network namespaces (inodes) are to be ended, too."""
        self._tell({"namespaces": list(namespaces)})

    def dismiss(self) -> None:
        """All is undone: the guard has no duty left."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        os.close(self._writing)

    def _tell(self, message: dict[str, object]) -> None:
        try:
            os.write(self._writing, json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise BuildError(f"the guard process is gone: {error.strerror}") from None


def end_processes(namespaces: frozenset[int]) -> None:
    """Kill what runs in these network namespaces."""
    for pid in processes_in(namespaces):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _serve(reading: int) -> NoReturn:
    """The guard's own life. Never returns into the builder's code."""
    try:
        os.setsid()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # Nobody may wait for the builder's pipes and sockets because of us.
        os.dup2(reading, 0)
        os.closerange(1, os.sysconf("SC_OPEN_MAX"))
        with open(0, "rb") as told:
            duty = {key: value for line in told for key, value in json.loads(line).items()}
        _undo(duty)
    finally:
        os._exit(0)


def _undo(duty: dict[str, object]) -> None:
    namespaces = duty.get("namespaces", [])
    assert isinstance(namespaces, list)
    end_processes(frozenset(namespaces))
    with suppress(BuildError), Database() as database:
        remove_bridges(database, str(duty["owner"]))
    with suppress(BuildError), precedence(), RouteSocket() as route:
        route.run([delete_group(int(str(duty["group"])))])
