"""The study's parts, and how they are divided among guests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PARTS = ("spans", "conduits", "nodes", "doubles", "flapping", "controller")
TRIALS = "trials.jsonl"
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
    """The chunks of some parts, the longest part first."""
    found = []
    for part in parts:
        found += [Chunk(part, True, 10), Chunk(part, False, 10)]
        found += [Chunk(part, True, 1)] if part in _WITH_1_MS else []
    return found
