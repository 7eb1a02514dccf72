"""The model of a server's computing, against times that follow from its definition."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.batching import CHUNKED, FIRST, PREFILL, SEPARATE, Batching, Model, Work

MS = 1_000_000


def model(**options: Any) -> Model:
    given: dict[str, Any] = {
        "prefill_ns": 10 * MS, "prefill_ns_per_token": 0.1 * MS, "decode_ns": 20 * MS, **options,
    }  # fmt: skip
    return Model(**given)


def run(found: Model, arrivals: list[tuple[int, Work]]) -> dict[Work, list[int]]:
    """When each work's tokens are made."""
    batching, made = Batching(found), {work: list[int]() for _, work in arrivals}
    waiting = sorted(arrivals, key=lambda pair: pair[0])
    while waiting or batching.next_ns is not None:
        next_ns = batching.next_ns
        if waiting and (next_ns is None or waiting[0][0] < next_ns):
            at_ns, work = waiting.pop(0)
            batching.add(work, at_ns)
        else:
            assert next_ns is not None
            for work, index in batching.advance(next_ns):
                assert index == len(made[work])
                made[work].append(next_ns)
    assert not batching.batch
    assert not batching.queue
    return made


def test_one_request_takes_its_prefill_and_its_steps() -> None:
    for prefill in PREFILL:
        work = Work(None, 100, 4)
        found = run(model(prefill=prefill), [(5 * MS, work)])
        assert found[work] == [25 * MS, 45 * MS, 65 * MS, 85 * MS]


def test_a_step_grows_with_the_batch() -> None:
    works = [Work(None, 100, 3) for _ in range(3)]
    found = run(model(decode_ns_per_request=5 * MS), [(0, work) for work in works])
    # The first steps begins with one request; the others join it for the second.
    assert found[works[0]] == [20 * MS, 40 * MS, 70 * MS]
    assert found[works[1]] == found[works[2]] == [20 * MS, 70 * MS, 95 * MS]


def test_a_prefill_between_the_steps_stalls_all_others() -> None:
    running, late = Work(None, 100, 4), Work(None, 1000, 2)
    found = run(model(prefill=FIRST), [(0, running), (30 * MS, late)])
    # Prompt 20, steps to 40 and, after the late prompt of 110 ms, on from 150.
    assert found[running] == [20 * MS, 40 * MS, 170 * MS, 190 * MS]
    assert found[late] == [150 * MS, 170 * MS]


def test_a_chunked_prefill_only_slows_the_steps() -> None:
    running, late = Work(None, 100, 4), Work(None, 400, 1)
    found = run(model(prefill=CHUNKED, chunk_tokens=200), [(0, running), (30 * MS, late)])
    # 20; a step to 40; a step with the late prompt's first 200 tokens: 20 + 10 + 20; with the rest.
    assert found[running] == [20 * MS, 40 * MS, 90 * MS, 130 * MS]
    assert found[late] == [130 * MS]


def test_a_separate_prefill_stalls_nobody() -> None:
    running, late = Work(None, 100, 4), Work(None, 1000, 2)
    found = run(model(), [(0, running), (30 * MS, late)])
    assert found[running] == [20 * MS, 40 * MS, 60 * MS, 80 * MS]
    assert found[late] == [140 * MS, 160 * MS]


def test_slots_and_memory_make_requests_wait() -> None:
    works = [Work(None, 100, 1) for _ in range(3)]
    found = run(model(slots=1), [(0, work) for work in works])
    assert [found[work] for work in works] == [[20 * MS], [40 * MS], [60 * MS]]
    works = [Work(None, 100, 1) for _ in range(3)]
    found = run(model(kv_tokens=202), [(0, work) for work in works])
    assert [found[work] for work in works] == [[20 * MS], [20 * MS], [40 * MS]]


def test_what_can_never_fit_and_a_full_queue_are_refused() -> None:
    batching = Batching(model(slots=1, queue=1, kv_tokens=500))
    assert batching.refusal(Work(None, 500, 1)) == "needs 501 tokens of 500"
    for _ in range(2):
        assert batching.refusal(Work(None, 10, 1)) is None
        batching.add(Work(None, 10, 1), 0)
    assert batching.refusal(Work(None, 10, 1)) == "the queue is full"


def test_a_cancelled_request_makes_room() -> None:
    batching = Batching(model(slots=1))
    first, second = Work(None, 100, 50), Work(None, 100, 1)
    batching.add(first, 0)
    batching.add(second, 0)
    batching.cancel(first, 5 * MS)
    assert batching.advance(25 * MS) == [(second, 0)]
    third = Work(None, 100, 1)
    batching.add(third, 30 * MS)
    batching.cancel(third, 31 * MS)
    assert batching.advance(10**12) == []
    assert not batching.batch


@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 500), st.integers(1, 3000), st.integers(1, 12)), max_size=25
    ),
    prefill=st.sampled_from(PREFILL),
    slots=st.integers(1, 6),
    growth_ms=st.integers(0, 10),
    chunk=st.integers(1, 700),
)
def test_each_request_gets_all_its_tokens_and_never_too_fast(
    arrivals: list[tuple[int, int, int]], prefill: str, slots: int, growth_ms: int, chunk: int
) -> None:
    found = model(
        prefill=prefill, slots=slots, decode_ns_per_request=growth_ms * MS, chunk_tokens=chunk
    )
    works = [(at_ms * MS, Work(None, prompt, answer)) for at_ms, prompt, answer in arrivals]
    made = run(found, works)
    for at_ns, work in works:
        times = made[work]
        assert len(times) == work.answer_tokens
        assert times[0] - at_ns >= found.prefill_time_ns(work.prompt_tokens) - work.prompt_tokens
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert all(gap >= found.decode_ns for gap in gaps)
    if prefill == SEPARATE:
        longest_ns = found.step_time_ns(slots)
        for times in made.values():
            # A request waits at most for the end of the step under way before its own first one.
            gaps = [after - before for before, after in itertools.pairwise(times)]
            assert all(gap <= 2 * longest_ns for gap in gaps[:1])
            assert all(gap <= longest_ns for gap in gaps[1:])


@pytest.mark.parametrize("prefill", PREFILL)
def test_late_calls_make_the_same_tokens(prefill: str) -> None:
    works = [Work(None, 300, 5) for _ in range(4)]
    batching = Batching(model(prefill=prefill, slots=2))
    for work in works:
        batching.add(work, 0)
    made = batching.advance(10**12)
    assert [[i for work, i in made if work is wanted] for wanted in works] == [[0, 1, 2, 3, 4]] * 4
