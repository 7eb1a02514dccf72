"""The project as a fresh system gets it: what Git knows of the work tree, or would take."""

from __future__ import annotations

import subprocess
from pathlib import Path


def packed(source: Path) -> bytes:
    """A tar archive of a Git work tree, with its changes and without what Git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        capture_output=True,
        check=True,
    ).stdout
    command = ["tar", "--null", "-T", "-", "-c", "-f", "-"]
    return subprocess.run(command, cwd=source, input=listed, capture_output=True, check=True).stdout
