"""What a sample of trials says: quantiles and paired differences with bootstrap intervals.

Formulas and sources: docs/reference/statistics.md. Every value counts: outliers are never
dropped. A trial without a value is counted apart, and never as a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 2_000
# One seed for every figure: an interval does not depend on what else is computed.
BOOTSTRAP_SEED = 1
_PERCENTS = (50.0, 95.0, 99.0)

Interval = tuple[float, float]
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over n trials, in the figure's own unit.

    n: trials that gave the figure. missing: trials that did not (failed ones too).
    *_ci: the interval of CONFIDENCE_LEVEL, None for fewer than two trials.
    max has none: the bootstrap does not work for extremes.
    """

    n: int
    missing: int
    median: float | None
    median_ci: Interval | None
    p95: float | None
    p95_ci: Interval | None
    p99: float | None
    p99_ci: Interval | None
    max: float | None


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The second less the first, seed by seed, in the figure's own unit.

    n: seeds for which both gave the figure. missing: those for which one did not.
    """

    n: int
    missing: int
    median: float | None
    median_ci: Interval | None
    mean: float | None
    mean_ci: Interval | None


def estimate(values: Sequence[float | None]) -> Estimate:
    """The figure's quantiles over trials; None stands for a trial that did not give it."""
    kept = np.array([value for value in values if value is not None], dtype=float)
    missing = len(values) - kept.size
    if not kept.size:
        return Estimate(0, missing, None, None, None, None, None, None, None)
    median, p95, p99 = (float(value) for value in _quantiles(kept))
    intervals = _intervals(kept, _quantiles) or (None, None, None)
    return Estimate(
        n=kept.size,
        missing=missing,
        median=median,
        median_ci=intervals[0],
        p95=p95,
        p95_ci=intervals[1],
        p99=p99,
        p99_ci=intervals[2],
        max=float(kept.max()),
    )


def paired_difference(
    first: Sequence[float | None], second: Sequence[float | None]
) -> PairedDifference:
    """How the second differs from the first; equal places are trials with the same seed.

    Raises ValueError if the two are not as long as each other.
    """
    pairs = list(zip(first, second, strict=True))
    kept = np.array([b - a for a, b in pairs if a is not None and b is not None], dtype=float)
    missing = len(pairs) - kept.size
    if not kept.size:
        return PairedDifference(0, missing, None, None, None, None)
    median, mean = (float(value) for value in _centres(kept))
    intervals = _intervals(kept, _centres) or (None, None)
    return PairedDifference(kept.size, missing, median, intervals[0], mean, intervals[1])


def _quantiles(sample: _Array, axis: int = -1) -> Any:
    return np.percentile(sample, _PERCENTS, axis=axis)


def _centres(sample: _Array, axis: int = -1) -> Any:
    return np.stack([np.median(sample, axis=axis), np.mean(sample, axis=axis)])


def _intervals(sample: _Array, statistic: Any) -> tuple[Interval, ...] | None:
    """Percentile intervals of each of the statistic's values; None for a sample of one."""
    if sample.size < 2:
        return None
    if np.ptp(sample) == 0:
        # Every resample is the sample itself: so it is with trials that draw nothing at random.
        return tuple((float(value), float(value)) for value in statistic(sample))
    found = bootstrap(
        (sample,),
        statistic,
        confidence_level=CONFIDENCE_LEVEL,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=True,
        axis=-1,
        rng=np.random.default_rng(BOOTSTRAP_SEED),
    ).confidence_interval
    return tuple((float(low), float(high)) for low, high in zip(found.low, found.high, strict=True))
