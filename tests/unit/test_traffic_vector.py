"""The numbers that collectives move: the sum is the sum, whatever part of it is asked for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from traffic.vector import Numbers, add, count_wrong


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    ranks=st.integers(2, 8),
    at=st.integers(0, 9000),
    elements=st.integers(1, 9000),
    step=st.integers(0, 5000),
)
def test_the_sum_is_the_sum_of_all_ranks_numbers(
    seed: int, ranks: int, at: int, elements: int, step: int
) -> None:
    numbers, end = Numbers(seed, ranks), at + elements
    total = memoryview(numbers.of(0, step, at, end))
    for rank in range(1, ranks):
        total = memoryview(add(total, memoryview(numbers.of(rank, step, at, end))))
    right = memoryview(numbers.total(step, at, end))
    assert count_wrong(total, right) == 0
    broken = bytearray(total)
    broken[-1] ^= 1
    assert count_wrong(memoryview(broken), right) == 1


@given(
    step=st.integers(0, 5000), start=st.integers(0, 5000), at=st.integers(0, 5000),
    size=st.integers(1, 500),
)  # fmt: skip
def test_a_part_is_a_part_of_the_whole(step: int, start: int, at: int, size: int) -> None:
    numbers = Numbers(3, 4)
    whole = numbers.of(1, step, start, start + at + size)
    assert whole[4 * at :] == numbers.of(1, step, start + at, start + at + size)


def test_another_step_another_rank_and_another_place_have_other_numbers() -> None:
    numbers = Numbers(7, 2)
    first = memoryview(numbers.of(0, 1, 0, 1000))
    for other in (numbers.of(0, 2, 0, 1000), numbers.of(1, 1, 0, 1000), numbers.of(0, 1, 1, 1001)):
        assert count_wrong(first, memoryview(other)) > 990
