"""What may follow in a line of the shell. Pure: names come in, candidates go out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from experiments.by_hand.words import Words
from experiments.faults import KINDS

_STYLES = ("silent", "carrier", "crash", "hang", "for_s=")
_PROBE = ("seconds=", "rate_pps=")
_VERBS_WITH_ENDS = ("paths", "probe")


def candidates(
    words: Words, nodes: Sequence[str], standing: Sequence[str], line: str, text: str
) -> list[str]:
    """What can stand in the place of `text`, the last word of `line`, and begins like it."""
    before = line.split()[: None if line.endswith(" ") else -1]
    verb = before[0] if before else ""
    found: Iterable[str]
    if verb == "cut":
        found = words.targets if len(before) == 1 else _STYLES
    elif verb == "fault":
        found = KINDS if len(before) == 1 else _fields(words, before[1], text)
    elif verb == "mend":
        found = ("all", *standing)
    elif verb in _VERBS_WITH_ENDS:
        ends = len(before) <= 2
        found = nodes if ends else (_PROBE if verb == "probe" else ())
    else:
        found = nodes
    return sorted({name for name in found if name.startswith(text)})


def finished(found: Sequence[str]) -> list[str]:
    """The candidates as readline takes them: a single one is complete, and a space follows."""
    if len(found) == 1 and not found[0].endswith("="):
        return [f"{found[0]} "]
    return list(found)


def _fields(words: Words, kind: str, text: str) -> Iterable[str]:
    name, equals, _ = text.partition("=")
    if equals and name in ("span", "conduit", "site", "switch", "towards"):
        return (f"{name}={target}" for target in words.targets)
    return words.options(kind)
