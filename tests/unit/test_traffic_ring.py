"""The ring's schedule and its numbers: every chunk is summed once from each rank."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.ring_schedule import (
    bus_factor,
    chunk_bounds,
    owned_chunk,
    ring_bound_s,
    ring_phases,
)
from traffic.vector import Numbers, add, count_wrong

RANKS = st.integers(2, 24)


@given(ranks=RANKS)
def test_each_chunk_is_summed_once_from_each_rank(ranks: int) -> None:
    held = [[Counter({rank: 1}) for _ in range(ranks)] for rank in range(ranks)]
    phases = [ring_phases(rank, ranks) for rank in range(ranks)]
    for step in range(2 * (ranks - 1)):
        sent = [held[rank][phases[rank][step].send] for rank in range(ranks)]
        for rank in range(ranks):
            phase = phases[rank][step]
            previous = (rank - 1) % ranks
            assert phases[previous][step].send == phase.receive
            own = held[rank][phase.receive] if phase.reduces else Counter[int]()
            held[rank][phase.receive] = own + sent[previous]
    everyone = Counter(dict.fromkeys(range(ranks), 1))
    assert all(chunk == everyone for chunks in held for chunk in chunks)


@given(ranks=RANKS)
def test_the_owned_chunk_is_the_one_that_the_gather_sends_first(ranks: int) -> None:
    for rank in range(ranks):
        assert ring_phases(rank, ranks)[ranks - 1].send == owned_chunk(rank, ranks)


@given(ranks=RANKS, elements=st.integers(24, 100_000))
def test_chunks_cover_the_vector_and_differ_by_one_number_at_most(
    ranks: int, elements: int
) -> None:
    bounds = chunk_bounds(elements * 4, ranks)
    sizes = {end - at for at, end in bounds}
    assert bounds[0][0] == 0
    assert bounds[-1][1] == elements * 4
    assert all(first[1] == second[0] for first, second in pairwise(bounds))
    assert max(sizes) - min(sizes) <= 4


@given(
    seed=st.integers(0, 2**32 - 1),
    ranks=st.integers(2, 8),
    elements=st.integers(1, 9000),
    step=st.integers(0, 5000),
)
def test_the_expected_sum_is_the_sum_of_the_contributions(
    seed: int, ranks: int, elements: int, step: int
) -> None:
    everyone = [Numbers(seed, rank, ranks, elements * 4) for rank in range(ranks)]
    total = memoryview(everyone[0].contribution(step))
    for numbers in everyone[1:]:
        total = memoryview(add(total, memoryview(numbers.contribution(step))))
    right = memoryview(everyone[0].expected(step))
    assert count_wrong(total, right) == 0
    broken = bytearray(total)
    broken[-1] ^= 1
    assert count_wrong(memoryview(broken), right) == 1


def test_the_next_step_has_other_numbers() -> None:
    numbers = Numbers(7, 0, 2, 400)
    assert count_wrong(memoryview(numbers.expected(1)), memoryview(numbers.expected(2))) == 100


def test_bound_and_bus_factor_of_a_known_case() -> None:
    # Four ranks, 1 MB, 80 Mbit/s: six phases of 25 ms, and six times 10 ms of delay.
    assert ring_bound_s(1_000_000, 4, 80, 0.010) == pytest.approx(0.210)
    assert bus_factor(4) == pytest.approx(1.5)
