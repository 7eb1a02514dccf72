"""A trial's figures as one row: each number under its dotted name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Flat = dict[str, float]

# What is told unless the user asks for other figures.
HEADLINES = (
    "probes.*.failover.tbm_ms",
    "probes.*.failover.recovery_ms",
    "probes.*.total.lost",
    "*.phases.during.allreduce_p50_ms",
    "*.phases.during.allreduce_max_ms",
    "*.phases.during.step_p50_ms",
    "*.phases.during.failed",
    "*.phases.during.ttft_p99_ms",
)


def flat(figures: Mapping[str, Any]) -> Flat:
    """All numbers below a mapping, such as `probes.edge.failover.tbm_ms`; true is 1.

    Texts, lists and missing values have no place in it.
    """
    return dict(_leaves(figures, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, int | float) and math.isfinite(value):
        yield name, float(value)


def chosen(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that fit a shell pattern, by the order of the patterns, then as they come."""
    listed = list(dict.fromkeys(names))
    fitting = (name for pattern in patterns for name in listed if fnmatchcase(name, pattern))
    return list(dict.fromkeys(fitting))
