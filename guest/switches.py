"""What makes one Open vSwitch process behave as many independent switches."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from guest.errors import SetupError

SOURCE = Path(__file__).resolve().parent / "switches.c"


def switches_library(cache: Path) -> Path:
    """The library of switches.c, compiled once into the cache.

    Raises SetupError if it cannot be compiled.
    """
    source = SOURCE.read_bytes()
    library = cache / "libraries" / f"switches-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if library.is_file():
        return library
    if shutil.which("gcc") is None:
        raise SetupError("gcc is missing. Install with: sudo apt-get install gcc libc6-dev")
    library.parent.mkdir(parents=True, exist_ok=True)
    partial = library.with_suffix(f".{os.getpid()}.partial")
    command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(partial), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{SOURCE.name} could not be compiled: {done.stderr.strip()}")
    partial.rename(library)
    return library
