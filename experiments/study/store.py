"""A study's folder: each trial is there whole, or not at all."""

from __future__ import annotations

import fcntl
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.disk import UNFINISHED, no_more, sync, to_disk, written_whole
from experiments.study.worker import RESULT_VERSION, Done
from topologies.problems import InputError, Problem

_KEPT = "All trials done so far are kept; the same command goes on from them"


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """Where a study's results lie; use `opened_folder` to write there."""

    path: Path

    def trial(self, identity: str) -> Path:
        """The folder of one trial."""
        return self.path / "trials" / identity

    def has(self, identity: str) -> bool:
        """Whether the trial is there."""
        return (self.trial(identity) / "result.json").is_file()

    def write(self, done: Done) -> None:
        """Put a trial there: under another name first, on the disk, then renamed.

        Raises FailedRunError when the disk takes no more; nothing half-written counts then.
        """
        unfinished = self.path / "trials" / f"{UNFINISHED}{done.identity}"
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            with zipfile.ZipFile(io.BytesIO(done.archive)) as archive:
                archive.extractall(unfinished)
            to_disk(unfinished)
            unfinished.rename(self.trial(done.identity))
            sync(unfinished.parent)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise no_more(self.path, error, _KEPT) from None

    def read(self, identity: str) -> Mapping[str, Any]:
        """A trial's result. Raises InputError if it is damaged or of another version."""
        path = self.trial(identity) / "result.json"
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            version = result["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"damaged ({error}); remove the folder {path.parent} and run the study again"
            raise InputError([Problem(str(path), message)]) from None
        if version != RESULT_VERSION:
            message = f"has schema_version {version}, and this Fibercut reads {RESULT_VERSION}"
            raise InputError([Problem(str(path), f"{message}; give another --out")])
        return dict(result)

    def remove(self, identity: str) -> None:
        """Forget a trial, so that it runs again."""
        shutil.rmtree(self.trial(identity))


@contextmanager
def opened_folder(path: Path) -> Iterator[StudyFolder]:
    """A study's folder for this process alone; made if it is not there.

    Raises InputError when it cannot be written or another study writes there now.
    """
    try:
        (path / "trials").mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("a", encoding="utf-8")
    except OSError as error:
        message = f"the results cannot be written here: {error.strerror}; choose --out FOLDER"
        raise InputError([Problem(str(path), message)]) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "another run of a study is writing here; wait for it, or choose --out FOLDER"
            raise InputError([Problem(str(path), message)]) from None
        for left in (path / "trials").glob(f"{UNFINISHED}*"):
            shutil.rmtree(left)
        yield StudyFolder(path)


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or as it was before."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """As write_text. Raises FailedRunError when the disk takes no more."""
    try:
        with written_whole(path) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise no_more(path.parent, error, _KEPT) from None
