"""Writing so that a kill or a full disk leaves what was there before, and says so."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.failure import FailedRunError

UNFINISHED = ".unfinished-"
"""What the name of something begins with until it is whole."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """Whether the disk, a quota or the limit of a file's size takes no more."""
    return error.errno in _FULL


def no_more(folder: Path, error: OSError, kept: str) -> FailedRunError:
    """What to tell when a folder cannot be written; kept: what is there all the same."""
    full = is_full(error)
    why = "there is no space left" if full else f"it cannot be written to ({error.strerror})"
    return FailedRunError(f"{folder}: {why}. {kept}")


def to_disk(folder: Path) -> None:
    """Wait until everything in a folder is on the disk. Raises OSError."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to, which gets its name at the end. Raises OSError."""
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    try:
        yield unfinished
        sync(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
