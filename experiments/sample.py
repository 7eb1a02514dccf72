"""Trials that differ in their seed alone, and what they say: alone and against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from experiments.estimates import (
    BOOTSTRAP_SEED,
    CONFIDENCE_LEVEL,
    RESAMPLES,
    estimate,
    paired_difference,
)
from experiments.flat import chosen

Point = tuple[tuple[str, Any], ...]
"""A place in a grid: each axis with its value. Empty where there is no grid."""


@dataclass(frozen=True, slots=True)
class SampleTrial:
    """One trial: its numbers by dotted name, none if it measured nothing."""

    seed: int
    status: str
    reason: str | None
    figures: Mapping[str, float]

    def value(self, figure: str) -> float | None:
        """A figure of a trial that went to its end; None from any other."""
        return self.figures.get(figure) if self.status == "ok" else None


@dataclass(frozen=True, slots=True)
class Sample:
    """The trials of one policy at one point, by rising seed."""

    point: Point
    policy: str
    trials: tuple[SampleTrial, ...]

    def values(self, figure: str) -> list[float | None]:
        """A figure of each trial."""
        return [trial.value(figure) for trial in self.trials]


def sample_statistics(
    samples: Sequence[Sample], figures: Sequence[str] = ("**",)
) -> dict[str, Any]:
    """Everything about samples as plain data; docs/reference/statistics.md lists the fields.

    figures: patterns of the names to tell.
    """
    names = chosen((name for one in samples for t in one.trials for name in t.figures), figures)
    return {
        "confidence_level": CONFIDENCE_LEVEL,
        "resamples": RESAMPLES,
        "bootstrap_seed": BOOTSTRAP_SEED,
        "samples": [_sample(one, names) for one in samples],
        "comparisons": [_comparison(*pair, names) for pair in _pairs(samples)],
    }


def _sample(sample: Sample, names: Sequence[str]) -> dict[str, Any]:
    bad = [trial for trial in sample.trials if trial.status != "ok"]
    return {
        "point": dict(sample.point),
        "policy": sample.policy,
        "trials": len(sample.trials),
        "failed": len(bad),
        "reasons": dict(Counter(trial.reason or trial.status for trial in bad)),
        "figures": {
            name: asdict(estimate(values))
            for name in names
            if _given(values := sample.values(name))
        },
    }


def _comparison(first: Sample, second: Sample, names: Sequence[str]) -> dict[str, Any]:
    both = {name: (first.values(name), second.values(name)) for name in names}
    return {
        "point": dict(first.point),
        "first": first.policy,
        "second": second.policy,
        "figures": {
            name: asdict(paired_difference(*values))
            for name, values in both.items()
            if _given(values[0]) and _given(values[1])
        },
    }


def _pairs(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Each policy at a point against the first one there."""
    first: dict[str, Sample] = {}
    for sample in samples:
        before = first.setdefault(repr(sample.point), sample)
        if before is not sample:
            yield before, sample


def _given(values: Sequence[float | None]) -> bool:
    return any(value is not None for value in values)
