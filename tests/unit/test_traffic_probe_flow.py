"""Figures computed as packets come are those of the whole record, in bounded memory."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.probe_flow import WINDOW, FlowAccount, Histogram
from traffic.probe_log import Gap, Rows, summarize

ROWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 10**6), st.integers(-(10**4), 10**9)), max_size=80
)


def account_of(rows: Rows) -> tuple[FlowAccount, list[Gap]]:
    gaps: list[Gap] = []
    account = FlowAccount(lambda *gap: gaps.append(Gap(*gap)))
    for row in rows.tolist():
        account.add(*row)
    account.finish()
    return account, gaps


@given(ROWS)
def test_the_figures_are_those_of_the_whole_record(rows: list[tuple[int, int, int]]) -> None:
    record = np.array([(n, sent, sent + delay) for n, sent, delay in rows], dtype=np.int64)
    record = record.reshape(-1, 3)
    account, gaps = account_of(record)
    whole = summarize(record)
    assert tuple(gaps) == whole.gaps
    assert (account.received, account.lost) == (whole.received, whole.lost)
    assert (account.duplicates, account.reordered) == (whole.duplicates, whole.reordered)
    assert (account.delays.lowest, account.delays.highest) == (
        whole.delay_min_ns,
        whole.delay_max_ns,
    )
    assert account.ipdv_ns == pytest.approx(whole.ipdv_ns)
    assert account.figures()["jitter_ns"] == pytest.approx(whole.jitter_ns)


@given(st.lists(st.integers(-(10**6), 10**10), min_size=1), st.sampled_from([50, 99, 99.9]))
def test_a_percentile_is_within_a_bucket_of_the_exact_one(times: list[int], percent: float) -> None:
    histogram = Histogram()
    for time_ns in times:
        histogram.add(time_ns)
    exact = np.percentile(times, percent, method="inverted_cdf")
    assert histogram.percentile(percent) == pytest.approx(exact, rel=1 / 256, abs=1)


def test_memory_does_not_grow_with_a_lossy_disordered_flow() -> None:
    source = random.Random(1)
    account = FlowAccount(lambda *_gap: None)
    for sequence in range(300_000):
        if source.random() < 0.9:
            account.add(
                max(0, sequence - source.choice((0, 0, 0, 700))), 0, source.randrange(10**8)
            )
    assert len(account._gaps) < WINDOW
    assert len(account.delays._counts) < 20_000
    assert account.received + account.lost == account.next_expected


def test_what_comes_later_than_the_window_is_counted_apart() -> None:
    account, gaps = account_of(np.array([(n, 0, 1) for n in (0, WINDOW + 5, 1)]))
    assert (account.stale, account.received, account.lost) == (1, 2, WINDOW + 4)
    assert [gap.missing for gap in gaps] == [WINDOW + 4]
