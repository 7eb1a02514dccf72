"""Fewer points, of which an eye sees the same: the extremes stay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_GROUP = 4


def thinned(points: Iterable[dict[str, Any]], value: str, most: int) -> list[dict[str, Any]]:
    """At most `most` points in their order, holding little more than that at any time.

    Whenever there are too many, of each four in a row the lowest and the highest stay.
    """
    kept: list[dict[str, Any]] = []
    for point in points:
        kept.append(point)
        if len(kept) >= 2 * most:
            kept = _halved(kept, value)
    while len(kept) > most:
        kept = _halved(kept, value)
    return kept


def _halved(points: list[dict[str, Any]], value: str) -> list[dict[str, Any]]:
    kept = []
    for start in range(0, len(points), _GROUP):
        group = points[start : start + _GROUP]
        low = min(range(len(group)), key=lambda i: group[i][value])
        high = max(range(len(group)), key=lambda i: group[i][value])
        kept += [group[i] for i in sorted({low, high})]
    return kept
