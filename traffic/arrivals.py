"""When requests come: a seeded renewal process with a mean rate and a spread of its gaps."""

from __future__ import annotations

import random
from collections.abc import Iterator

from traffic.clock import NS_PER_S


def arrivals_ns(rate_rps: float, cv: float, seed: int) -> Iterator[int]:
    """Moments of arrival in ns after the start, without end, from `gaps_s`."""
    at_s = 0.0
    for gap_s in gaps_s(rate_rps, cv, seed):
        at_s += gap_s
        yield round(at_s * NS_PER_S)


def gaps_s(rate_rps: float, cv: float, seed: int) -> Iterator[float]:
    """Times between arrivals in s, without end.

    They are Gamma-distributed with the mean 1/rate_rps and the coefficient of variation
    `cv` (standard deviation ÷ mean): 1 is the exponential gap of MLPerf's server scenario (a
    Poisson process), more is burstier, 0 is a fixed pace. Gamma gaps fit the arrivals of
    language-model services (Wang et al., «BurstGPT», 2024, section 3).
    """
    source = random.Random(2 * seed)
    while True:
        yield _gap_s(source, rate_rps, cv)


def _gap_s(source: random.Random, rate_rps: float, cv: float) -> float:
    if cv == 0:
        return 1 / rate_rps
    if cv == 1:
        return source.expovariate(rate_rps)
    return source.gammavariate(1 / cv**2, cv**2 / rate_rps)
