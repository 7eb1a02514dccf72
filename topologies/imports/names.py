"""Site and span ids from whatever names a file has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from topologies.checks import RESERVED_SITE_IDS
from topologies.spec import LONGEST_NAME

LONGEST_SPAN_ID = 64
# Letters that decompose into no base letter and accent.
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "þ": "th"})


def unique_ids(names: Sequence[str]) -> list[str]:
    """A site id for each name, all different."""
    names_taken = Taken(LONGEST_NAME, RESERVED_SITE_IDS)
    return [names_taken.unused(slug(name)) for name in names]


def slug(name: str) -> str:
    """A site id from any name: plain lower-case letters, digits and hyphens."""
    parts = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    plain = parts.encode("ascii", "ignore").decode()
    text = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not text or not text[0].isalpha():
        text = f"n{text}"
    return text[:LONGEST_NAME].rstrip("-")


class Taken:
    """Names that are in use, and the numbers at their ends."""

    def __init__(self, longest: int, reserved: frozenset[str] = frozenset()) -> None:
        self._longest = longest
        self._used = set(reserved)
        self._numbers: dict[str, int] = {}

    def unused(self, wanted: str) -> str:
        """`wanted`, or with a number at its end; it is used from now on."""
        candidate, number = wanted, self._numbers.get(wanted, 1)
        while candidate in self._used:
            number += 1
            tail = f"-{number}"
            candidate = wanted[: self._longest - len(tail)].rstrip("-") + tail
        self._numbers[wanted] = number
        self._used.add(candidate)
        return candidate
