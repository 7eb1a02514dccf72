"""Guests for tests that boot them themselves: fixtures, and callers that can be killed."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guest import GuestKernel, GuestResult, GuestSettings, provide_kernel, run

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    result: GuestResult
    stdout: bytes
    stderr: bytes


@pytest.fixture(scope="session")
def kernel() -> GuestKernel:
    return provide_kernel()


@pytest.fixture
def in_guest(kernel: GuestKernel) -> Callable[..., Outcome]:
    def call(
        *command: str, stdin: bytes = b"", out_dir: Path | None = None, **named: Any
    ) -> Outcome:
        settings = GuestSettings(**{"openvswitch": False, "wall_limit_s": 120, **named})
        stdout, stderr = io.BytesIO(), io.BytesIO()
        result = run(
            command,
            out_dir=out_dir,
            settings=settings,
            kernel=kernel,
            stdin=io.BytesIO(stdin),
            stdout=stdout,
            stderr=stderr,
        )
        return Outcome(result, stdout.getvalue(), stderr.getvalue())

    return call


def guests_of(folder: Path) -> list[int]:
    """The processes of the host that run a guest kernel in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool], limit_s: float = 10) -> bool:
    until_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


def caller(
    kernel: GuestKernel, command: Sequence[str], terminal: int | None = None, **settings: Any
) -> subprocess.Popen[bytes]:
    """A program that runs a guest and first prints the folder of its guest."""
    program = f"""
import json, sys
from pathlib import Path
from guest import Guest, GuestKernel, GuestSettings
facts = json.loads(sys.argv[1])
kernel = GuestKernel(**{{**facts, "path": Path(facts["path"])}})
settings = GuestSettings(openvswitch=False, wall_limit_s=30, **json.loads(sys.argv[2]))
with Guest({list(command)!r}, kernel=kernel, settings=settings) as guest:
    print(guest._share.folder, flush=True)
    print(guest.wait().exit_status, flush=True)
"""
    facts = {name: getattr(kernel, name) for name in GuestKernel.__slots__}
    arguments = [json.dumps(facts, default=str), json.dumps(settings)]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=PROJECT,
        stdin=terminal,
        stdout=subprocess.PIPE if terminal is None else terminal,
    )
