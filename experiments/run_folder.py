"""Where a run's results lie. See docs/reference/run-folder.md for every file.

A run is written beside its final place and renamed at the end, so that a folder
without the ending `.partial` is always whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from topologies.problems import InputError, Problem

SCHEMA_VERSION = 1
PARTIAL = ".partial"
# What a digest is made of: the measurements, not the logs or the wall-clock times.
_MEASURED = ("samples", "events.jsonl")


@dataclass(frozen=True, slots=True)
class TrialFolder:
    """One policy with one seed inside a run folder."""

    path: Path

    @property
    def samples(self) -> Path:
        """Raw measurements, one folder for each workload."""
        return self.path / "samples"

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
        """SHA-256 over the names and bytes of all measurements."""
        total = hashlib.sha256()
        for file in sorted(_measured_files(self.path)):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(self.path)} {content}\n".encode())
        return total.hexdigest()


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run in the making; `finish` gives it its final name."""

    path: Path

    def trial(self, policy: str, seed: int) -> TrialFolder:
        """The (new) folder of one trial."""
        folder = TrialFolder(self.path / "trials" / f"{policy}-seed{seed}")
        folder.samples.mkdir(parents=True, exist_ok=True)
        folder.logs.mkdir(exist_ok=True)
        return folder

    def finish(self) -> Path:
        """Rename to the final name and point `latest` at it. Returns the final path."""
        final = self.path.with_name(self.path.name.removesuffix(PARTIAL))
        self.path.rename(final)
        latest = final.parent / "latest"
        with suppress(OSError):  # a convenience only: a file system may have no links
            latest.unlink(missing_ok=True)
            latest.symlink_to(final.name)
        return final


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
        except FileExistsError:
            continue
        except OSError as error:
            message = f"the results cannot be written here: {error.strerror}; choose --out FOLDER"
            raise InputError([Problem(str(base), message)]) from None
        return RunFolder(folder)
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
