"""Where a run's results lie. See docs/reference/run-folder.md for every file.

A run is written beside its final place and renamed at the end, and so is each trial in it: a
folder without the ending `.partial`, or the beginning `.unfinished-`, is always whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from experiments.disk import UNFINISHED, sync, to_disk
from topologies.problems import InputError, Problem

SCHEMA_VERSION = 2
PARTIAL = ".partial"
# What a digest is made of: the measurements, not the logs or the wall-clock times.
_EVENTS = "events.parquet"
_MEASURED = ("samples", _EVENTS)
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class TrialFolder:
    """One policy with one seed inside a run folder."""

    path: Path

    @property
    def samples(self) -> Path:
        """Measurements: tables, and a folder for each workload that has other files."""
        return self.path / "samples"

    @property
    def events(self) -> Path:
        """What happened, as a table."""
        return self.path / _EVENTS

    def prepared(self, workload: str) -> Path:
        """What was made for a workload beforehand."""
        return self.path / "prepared" / workload

    @property
    def logs(self) -> Path:
        """What the programs said; not part of the digest."""
        return self.path / "logs"

    def read_json(self, name: str) -> Any:
        """One JSON file of the trial. Raises OSError or ValueError if it is not whole."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def digest(self) -> str:
        """SHA-256 over the names and contents of all measurements; see measurements.digest."""
        from experiments.measurements.digest import file_digest  # noqa: PLC0415 - not in the trial

        total = hashlib.sha256()
        for file in sorted(_measured_files(self.path)):
            total.update(f"{file.relative_to(self.path)} {file_digest(file)}\n".encode())
        return total.hexdigest()

    def finish(self) -> TrialFolder:
        """Give a new trial's folder its final name, once all of it is on the disk.

        Raises OSError if the disk takes no more.
        """
        to_disk(self.path)
        final = self.path.with_name(self.path.name.removeprefix(UNFINISHED))
        self.path.rename(final)
        sync(final.parent)
        return TrialFolder(final)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run in the making; `finish` gives it its final name.

    lock: held while it is made, so that readers can tell that from a run that was killed.
    """

    path: Path
    lock: IO[str] | None = None

    def trial(self, policy: str, seed: int) -> TrialFolder:
        """The folder of one trial that is whole."""
        return TrialFolder(self.path / "trials" / f"{policy}-seed{seed}")

    def new_trial(self, policy: str, seed: int) -> TrialFolder:
        """A folder to make a trial in. Raises OSError."""
        whole = self.trial(policy, seed).path
        folder = TrialFolder(whole.with_name(f"{UNFINISHED}{whole.name}"))
        folder.samples.mkdir(parents=True, exist_ok=True)
        folder.logs.mkdir(exist_ok=True)
        return folder

    def finish(self) -> Path:
        """Rename to the final name and point `latest` at it. Returns the final path."""
        final = self.path.with_name(self.path.name.removesuffix(PARTIAL))
        (self.path / _LOCK).unlink(missing_ok=True)
        to_disk(self.path)
        self.path.rename(final)
        self.close()
        with suppress(OSError):  # a convenience only: a file system may have no links
            new = final.parent / f"{UNFINISHED}latest"
            new.unlink(missing_ok=True)
            new.symlink_to(final.name)
            new.replace(final.parent / "latest")
        return final

    def give_up(self) -> int:
        """Leave the trials that are whole, and nothing if there is none. Returns their number."""
        trials = self.path / "trials"
        for unfinished in trials.glob(f"{UNFINISHED}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        whole = sum(1 for _ in trials.glob("*"))
        if not whole:
            shutil.rmtree(self.path, ignore_errors=True)
        self.close()
        return whole

    def close(self) -> None:
        """Let go of the lock."""
        if self.lock is not None:
            self.lock.close()


def is_being_written(folder: Path) -> bool:
    """Whether a run is making this folder now."""
    try:
        with (folder / _LOCK).open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def new_run_folder(base: Path, scenario_name: str, now: datetime | None = None) -> RunFolder:
    """Make an empty run folder below `base`, named by scenario and time.

    Raises InputError when it cannot be written.
    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    for name in _numbered(f"{scenario_name}-{stamp}"):
        folder = base / f"{name}{PARTIAL}"
        if (base / name).exists():
            continue
        try:
            folder.mkdir(parents=True)
            lock = (folder / _LOCK).open("w", encoding="utf-8")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileExistsError:
            continue
        except OSError as error:
            message = f"the results cannot be written here: {error.strerror}; choose --out FOLDER"
            raise InputError([Problem(str(base), message)]) from None
        return RunFolder(folder, lock)
    raise AssertionError("unreachable: the numbers never end")


def combined_digest(trial_digests: Mapping[str, str]) -> str:
    """One digest of a run from those of its trials."""
    text = "".join(f"{name} {digest}\n" for name, digest in sorted(trial_digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a value for people and programs: indented, with a final newline."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON-lines file, in order; none if it does not exist."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _measured_files(folder: Path) -> Iterator[Path]:
    for name in _MEASURED:
        path = folder / name
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        elif path.exists():
            yield path
