"""Start traffic programs as processes, as an experiment does."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

from traffic.describe import Process, environment

DEADLINE_S = 30
# Below those that the kernel gives away by itself (ip_local_port_range), and far from those
# of another pytest that runs beside this one.
_FIRST_PORT, _PORT_COUNT = 20_000, 12_000
_PORTS = (_FIRST_PORT + (os.getpid() * 599 + n) % _PORT_COUNT for n in itertools.count())


def start(process: Process, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*process.argv(sys.executable), *options],
        env={**os.environ, **environment()},
        cwd="/",
        text=True,
        stderr=subprocess.PIPE,
    )


def end(process: subprocess.Popen[str], status: int = 0) -> str:
    """Wait for the end and check the status; what was said on standard error."""
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == status, said
    assert "Traceback" not in said
    return said


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nothing uses, and that no connection and no other test will get."""
    for port in _PORTS:
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the ports never end")


def wait_for_file(path: Path, process: subprocess.Popen[str]) -> None:
    """Until the program has made its output file, which it does before it serves."""
    while not path.exists():
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the program ended with {process.returncode}")
