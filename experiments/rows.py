"""The rows of the answer's table: a figure of all policies, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
"""One policy's figures of one workload."""
MISSING = "–"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all policies, as text, in the order of the columns."""

    label: str
    values: tuple[str, ...]
    emphasis: bool = False


def row(
    label: str,
    workload: Sequence[Figures | None],
    value: Callable[[Figures], str],
    emphasis: bool = False,
) -> Row:
    """A row about one workload; a policy without figures has failed."""
    return Row(label, tuple(FAILED if w is None else value(w) for w in workload), emphasis)


def phase_pair(
    label: str,
    workload: Sequence[Figures | None],
    phase: str,
    key: str,
    which: tuple[str, str],
) -> Row:
    """Two figures of a phase in one row, such as median and maximum (`<key>_<which>_ms`)."""

    def value(w: Figures) -> str:
        first, second = (number(w[phase][f"{key}_{name}_ms"]) for name in which)
        return f"{first} / {second}"

    title = f"{label} {which[0]} / {which[1]}, {phase}, ms"
    return row(title, workload, value, emphasis=phase == "during")


def all_phases(
    label: str,
    workload: Sequence[Figures | None],
    phases: Sequence[str],
    value: Callable[[Figures, str], str],
    unit: str = "",
    emphasis: bool = False,
) -> Row:
    """A figure of all phases in one row: one value each, in their order."""
    title = f"{label}, {' / '.join(phases)}" + (f", {unit}" if unit else "")
    return row(title, workload, lambda w: " / ".join(value(w, phase) for phase in phases), emphasis)


def example(workload: Sequence[Figures | None]) -> Figures:
    """The figures of the first policy that has some."""
    return next(item for item in workload if item is not None)


def number(value: float | None, digits: int = 1) -> str:
    """A figure with a fixed number of decimals; a dash for none."""
    return MISSING if value is None else f"{value:,.{digits}f}"
