"""A trial's figures as one row: each number under its dotted name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Flat = dict[str, float]

# What is told unless the user asks for other figures.
HEADLINES = (
    "probes.*.failover.tbm_ms",
    "probes.*.failover.recovery_ms",
    "probes.*.total.lost",
    "training.*.during.allreduce_p50_ms",
    "training.*.during.allreduce_max_ms",
    "training_loops.*.during.step_p50_ms",
    "*.*.phases.during.failed",
    "*.*.phases.during.ttft_p99_ms",
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
    """The names that fit a pattern, by the order of the patterns, then as they come.

    In a pattern `*` is a part of a name between two dots, or a piece of it; `**` is any parts.
    """
    listed = list(dict.fromkeys(names))
    fitting = (name for one in map(_compiled, patterns) for name in listed if one.fullmatch(name))
    return list(dict.fromkeys(fitting))


def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"**": ".*", "*": "[^.]*"}
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts))
