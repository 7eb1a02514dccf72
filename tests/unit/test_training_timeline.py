"""When a training step computes, sends and waits; and the least time that it can take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.loops.bound import data_parallel_s, diloco_s, pipeline_s
from traffic.loops.timeline import bucket_ready_ns, fragment_begun, pipeline_order


@given(compute_ns=st.integers(0, 10**10), buckets=st.integers(1, 64))
def test_buckets_become_ready_during_the_backward_pass(compute_ns: int, buckets: int) -> None:
    ready = [bucket_ready_ns(compute_ns, number, buckets) for number in range(buckets)]
    assert ready == sorted(ready)
    assert ready[-1] == compute_ns
    assert ready[0] >= compute_ns // 3


@given(stages=st.integers(1, 9), microbatches=st.integers(1, 20))
def test_a_stage_goes_forward_before_back_and_holds_few_microbatches(
    stages: int, microbatches: int
) -> None:
    for stage in range(stages):
        order = pipeline_order(stage, stages, microbatches)
        forward = [number for is_forward, number in order if is_forward]
        back = [number for is_forward, number in order if not is_forward]
        assert forward == back == list(range(microbatches))
        held = most = 0
        for is_forward, _ in order:
            held += 1 if is_forward else -1
            assert held >= 0
            most = max(most, held)
        assert most <= stages - stage  # what 1F1B is for


@given(fragments=st.integers(1, 20), more=st.integers(0, 50), rounds=st.integers(1, 3))
def test_each_fragment_has_one_turn_in_all_inner_steps(
    fragments: int, more: int, rounds: int
) -> None:
    inner = fragments + more
    turns = [fragment_begun(step, inner, fragments) for step in range(inner * rounds)]
    assert [turn for turn in turns if turn is not None] == list(range(fragments)) * rounds
    assert turns[inner - 1] == fragments - 1


def test_the_least_step_of_data_parallelism() -> None:
    assert data_parallel_s(0.3, [0.1]) == pytest.approx(0.4)
    # Two buckets: ready at 0.2 and 0.3 s; the first one is hidden, the second one is not.
    assert data_parallel_s(0.3, [0.05, 0.05]) == pytest.approx(0.35)
    # Both are slower than the backward pass: the second waits for the first.
    assert data_parallel_s(0.3, [0.5, 0.5]) == pytest.approx(1.2)


def test_the_least_step_of_diloco() -> None:
    assert diloco_s(0.1, [0.5], 10, 0) == pytest.approx(0.15)
    assert diloco_s(0.1, [0.25, 0.25], 10, 2) == pytest.approx(0.11)
    assert diloco_s(0.1, [0.15, 0.15], 10, 2) == pytest.approx(0.1)


@given(stages=st.integers(1, 8), microbatches=st.integers(1, 16))
def test_the_least_step_of_a_pipeline_without_delay(stages: int, microbatches: int) -> None:
    # (m + s - 1) times a microbatch, if nothing has to travel (Narayanan et al., 2.2).
    nothing = [0.0] * (stages - 1)
    found = pipeline_s(3.0 * microbatches, microbatches, nothing, nothing)
    assert found == pytest.approx(3.0 * (microbatches + stages - 1))


def test_delay_between_stages_makes_a_pipeline_longer() -> None:
    # One microbatch: there and back through three stages.
    assert pipeline_s(0.3, 1, [0.01, 0.02], [0.03, 0.04]) == pytest.approx(0.9 + 0.1)
