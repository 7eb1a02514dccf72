"""The numbers that an all-reduce adds: made from a seed, added and checked cheaply.

A vector is one long integer of 32-bit lanes. Each rank's numbers are below 2^16 + 2^10, so
that the sum of fewer than 2^15 ranks fits its lane and adding the integers adds the lanes.
"""

from __future__ import annotations

import random
from array import array

# Prime, so that a chunk in another's place is noticed.
_TILE_ELEMENTS = 4093
_STEP_VALUES = 1 << 10


class Numbers:
    """Each rank's contribution to each step, and the right sum."""

    def __init__(self, seed: int, rank: int, ranks: int, total_bytes: int) -> None:
        self._ranks = ranks
        self._bytes = total_bytes
        self._ones = int.from_bytes(_repeat(array("I", [1]), total_bytes), "little")
        own = array("I", [0]) * _TILE_ELEMENTS
        total = array("I", [0]) * _TILE_ELEMENTS
        for other in range(ranks):
            tile = _tile(seed, other)
            own = tile if other == rank else own
            total = array("I", map(int.__add__, total, tile))
        self._own = int.from_bytes(_repeat(own, total_bytes), "little")
        self._total = int.from_bytes(_repeat(total, total_bytes), "little")

    def contribution(self, step: int) -> bytes:
        """What this rank brings into a step."""
        value = self._own + step % _STEP_VALUES * self._ones
        return value.to_bytes(self._bytes, "little")

    def expected(self, step: int) -> bytes:
        """The sum over all ranks."""
        value = self._total + step % _STEP_VALUES * self._ranks * self._ones
        return value.to_bytes(self._bytes, "little")


def add(left: memoryview, right: memoryview) -> bytes:
    """The lanes' sums of two chunks of the same size."""
    total = int.from_bytes(left, "little") + int.from_bytes(right, "little")
    return total.to_bytes(len(left), "little")


def count_wrong(found: memoryview, expected: memoryview) -> int:
    """How many lanes differ."""
    if found == expected:
        return 0
    return sum(a != b for a, b in zip(found.cast("I"), expected.cast("I"), strict=True))


def _tile(seed: int, rank: int) -> array[int]:
    return array("I", array("H", random.Random((seed << 16) + rank).randbytes(2 * _TILE_ELEMENTS)))


def _repeat(tile: array[int], total_bytes: int) -> bytes:
    raw = tile.tobytes()
    return (raw * (total_bytes // len(raw) + 1))[:total_bytes]
