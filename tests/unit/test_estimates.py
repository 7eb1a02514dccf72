"""Quantiles, intervals and differences over trials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.estimates import estimate, paired_difference
from experiments.flat import chosen, flat
from experiments.sample import Sample, SampleTrial, sample_statistics

NUMBERS = st.floats(min_value=-1e6, max_value=1e6)


@given(st.lists(NUMBERS, min_size=2, max_size=12))
def test_an_interval_holds_its_value_and_stays_within_the_sample(values: list[float]) -> None:
    found = estimate(values)
    assert found.median_ci is not None
    assert found.median is not None
    tolerance = 1e-9 * max(1.0, *map(abs, values))
    assert min(values) - tolerance <= found.median_ci[0] <= found.median + tolerance
    assert found.median - tolerance <= found.median_ci[1] <= max(values) + tolerance
    assert found.max == max(values)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = estimate(list(rng.normal(size=30))).median_ci or (0, 0)
        hits += low <= 0 <= high
    assert 0.90 <= hits / 200 <= 0.99


def test_outliers_stay_and_missing_values_are_counted_not_averaged() -> None:
    found = estimate([1, 2, None, 3, 1000, None])
    assert (found.n, found.missing, found.median, found.max) == (4, 2, 2.5, 1000)
    nothing = estimate([None, None])
    assert (nothing.n, nothing.missing, nothing.median, nothing.max) == (0, 2, None, None)
    assert estimate([7.0]).median_ci is None
    assert estimate([7.0, 7.0, 7.0]).p99_ci == (7.0, 7.0)


def test_the_same_sample_gives_the_same_interval() -> None:
    assert estimate([1, 5, 2, 8]) == estimate([1, 5, 2, 8])


def test_pairs_take_out_what_both_share() -> None:
    first = [10.0, 200.0, 3000.0, None]
    second = [11.0, 201.0, 3001.0, 5.0]
    found = paired_difference(first, second)
    assert (found.n, found.missing, found.median, found.mean) == (3, 1, 1, 1)
    assert found.median_ci == (1, 1)  # although the samples themselves are wide apart


def test_a_failed_trials_figures_do_not_count() -> None:
    ok = SampleTrial(1, "ok", None, {"x": 1.0})
    bad = SampleTrial(2, "interrupted", "ended early", {"x": 50.0})
    told = sample_statistics([Sample((), "a", (ok, bad)), Sample((), "b", (ok, ok))])
    [first, _] = told["samples"]
    assert (first["failed"], first["reasons"]) == (1, {"ended early": 1})
    assert first["figures"]["x"]["max"] == 1
    [comparison] = told["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("a", "b")
    assert comparison["figures"]["x"]["n"] == 1


def test_figures_are_numbers_under_dotted_names() -> None:
    found = flat({"a": {"b": 1, "c": None, "d": "text", "e": [1], "f": True, "g": float("inf")}})
    assert found == {"a.b": 1.0, "a.f": 1.0}
    names = ["a.x", "b.y", "a.y", "a.c.y"]
    assert chosen(names, ["*.y", "a.*"]) == ["b.y", "a.y", "a.x"]
    assert chosen(names, ["**.y"]) == ["b.y", "a.y", "a.c.y"]


def test_unequal_samples_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="argument"):
        paired_difference([1.0], [1.0, 2.0])
