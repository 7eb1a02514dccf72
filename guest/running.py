"""Run one command in a guest to its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from guest.kernel import GuestKernel
from guest.machine import Guest
from guest.settings import GuestResult, GuestSettings


def run(
    command: Sequence[str],
    *,
    out_dir: Path | None = None,
    settings: GuestSettings | None = None,
    kernel: GuestKernel | None = None,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    stderr: BinaryIO | None = None,
) -> GuestResult:
    """Run a command in a guest and wait for its end; see Guest for arguments and errors."""
    with Guest(
        command,
        out_dir=out_dir,
        settings=settings,
        kernel=kernel,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    ) as guest:
        result = guest.wait()
    assert result is not None  # there was no time limit
    return result
