"""The numbers that a collective moves: made from a seed, added and checked cheaply.

Each rank has a tile of 16-bit numbers in 32-bit lanes, of which its vector is made over and
over; with every step it begins elsewhere in the tile. So the sum of up to 2^16 ranks fits its
lane, adding two long integers adds the lanes, and any part of a vector is a copy.
"""

from __future__ import annotations

import random
from array import array

ELEMENT_BYTES = 4
# Prime, so that a chunk in another's place is noticed.
_TILE_ELEMENTS = 4093
_STEP_SHIFT = 1021


class Numbers:
    """Each rank's vector in each step, and the sum of all; any part of it, made when asked for."""

    def __init__(self, seed: int, ranks: int) -> None:
        self._seed, self._ranks = seed, ranks
        self._tiles: dict[int, bytes] = {}

    def of(self, rank: int, step: int, at: int, end: int) -> bytes:
        """The elements from `at` to `end` of what a rank brings into a step."""
        if rank not in self._tiles:
            self._tiles[rank] = _tile(self._seed, rank).tobytes()
        return _part(self._tiles[rank], step, at, end)

    def total(self, step: int, at: int, end: int) -> bytes:
        """The same elements of the sum over all ranks."""
        if self._ranks not in self._tiles:
            total = array("I", [0]) * _TILE_ELEMENTS
            for rank in range(self._ranks):
                total = array("I", map(int.__add__, total, _tile(self._seed, rank)))
            self._tiles[self._ranks] = total.tobytes()
        return _part(self._tiles[self._ranks], step, at, end)


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


def _part(tile: bytes, step: int, at: int, end: int) -> bytes:
    first = (at + step * _STEP_SHIFT) % _TILE_ELEMENTS * ELEMENT_BYTES
    size = (end - at) * ELEMENT_BYTES
    return (tile * ((first + size) // len(tile) + 1))[first : first + size]
