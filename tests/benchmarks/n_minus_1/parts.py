"""The study's parts, and how they are divided among guests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.benchmarks.n_minus_1.failures import failures
from tests.benchmarks.n_minus_1.study import study_plan

PARTS = ("spans", "conduits", "controller", "flapping", "nodes", "doubles")
TRIALS = "trials.jsonl"
MOMENTS = ("before", "prepare", "switch", "after")
"""At which the controller is killed."""
# Carrier loss is noticed without BFD, and 1 ms is tried where a promise is given for it.
_WITH_1_MS = ("spans", "conduits", "nodes")


@dataclass(frozen=True)
class Chunk:
    """What one guest does: the failures of one part, made and noticed in one way."""

    part: str
    silent: bool
    bfd_ms: int

    @property
    def name(self) -> str:
        """For folders and the command line."""
        return f"{self.part}-{'silent' if self.silent else 'carrier'}-{self.bfd_ms}"

    @classmethod
    def named(cls, name: str) -> Chunk:
        """The chunk of a name. Raises ValueError."""
        part, how, bfd_ms = name.split("-")
        return cls(part, how == "silent", int(bfd_ms))


def chunks(parts: Iterable[str]) -> list[Chunk]:
    """The chunks of some parts; one of each kind before the second of any but the spans."""
    chosen = list(parts)
    silent = [Chunk(part, True, 10) for part in chosen]
    carrier = [Chunk(part, False, 10) for part in chosen]
    fast = [Chunk(part, True, 1) for part in chosen if part in _WITH_1_MS]
    return sorted([*silent, *carrier, *fast], key=lambda chunk: chunk.part != "spans")


def planned_trials(part: str) -> int:
    """How many trials a chunk of a part has."""
    many = len(list(failures(study_plan(), part)))
    return many * len(MOMENTS) if part == "controller" else many
