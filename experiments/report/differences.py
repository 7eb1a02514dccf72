"""Two columns against each other: each figure of both, and how the second differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.estimates import Estimate, PairedDifference, estimate, paired_difference
from experiments.flat import chosen
from experiments.report.columns import Column


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A figure of both columns.

    paired: the second less the first, seed by seed; None without seeds in common.
    """

    figure: str
    first: Estimate
    second: Estimate
    paired: PairedDifference | None

    @property
    def clear(self) -> bool:
        """Whether the interval of the difference does not hold 0."""
        interval = self.paired.median_ci if self.paired else None
        return interval is not None and (interval[0] > 0 or interval[1] < 0)


@dataclass(frozen=True, slots=True)
class Differences:
    """A comparison of two columns. seeds: in common."""

    first: str
    second: str
    seeds: int
    rows: tuple[DifferenceRow, ...]


def differences(first: Column, second: Column, figures: Sequence[str]) -> Differences:
    """Compare the figures that fit some patterns (see `flat.chosen`)."""
    pairs = _same_seeds(first, second)
    names = (n for c in (first, second) for trial in c.sample.trials for n in trial.figures)
    rows = (_row(name, first, second, pairs) for name in chosen(names, figures))
    return Differences(first.label, second.label, len(pairs), tuple(rows))


def _same_seeds(first: Column, second: Column) -> list[tuple[int, int]]:
    """Places of the trials with the same seed in both."""
    at = {trial.seed: place for place, trial in enumerate(second.sample.trials)}
    found: Iterator[tuple[int, int]] = (
        (place, at[trial.seed])
        for place, trial in enumerate(first.sample.trials)
        if trial.seed in at
    )
    return list(found)


def _row(
    name: str, first: Column, second: Column, pairs: Sequence[tuple[int, int]]
) -> DifferenceRow:
    a, b = first.sample.values(name), second.sample.values(name)
    paired = None
    if pairs:
        paired = paired_difference([a[i] for i, _ in pairs], [b[j] for _, j in pairs])
    return DifferenceRow(name, estimate(a), estimate(b), paired)
