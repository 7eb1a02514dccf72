"""Start, ramp, on and off: what is due when, and that everybody computes the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.schedule import Schedule

SECOND_NS = 10**9
SCHEDULES = st.builds(
    Schedule,
    st.integers(0, 2**60),
    ramp_ns=st.integers(0, 100 * SECOND_NS),
    on_ns=st.integers(1, 10 * SECOND_NS),
    off_ns=st.integers(0, 10 * SECOND_NS),
)


@given(SCHEDULES, st.integers(1, 20_000), st.integers(0, 10**6))
def test_packets_are_due_in_order_and_only_while_it_is_on(
    schedule: Schedule, rate_pps: int, sequence: int
) -> None:
    due_ns = schedule.due_ns(rate_pps, sequence)
    assert schedule.start_ns <= due_ns <= schedule.due_ns(rate_pps, sequence + 1)
    assert schedule.is_on(due_ns)


@given(SCHEDULES, st.integers(1, 20_000), st.integers(0, 200 * SECOND_NS))
def test_the_packets_before_a_moment_are_exactly_those_due_before_it(
    schedule: Schedule, rate_pps: int, after_ns: int
) -> None:
    stop_ns = schedule.start_ns + after_ns
    count = schedule.packets_before(rate_pps, stop_ns)
    assert schedule.due_ns(rate_pps, count) >= stop_ns
    assert count == 0 or schedule.due_ns(rate_pps, count - 1) < stop_ns


def test_on_and_off() -> None:
    schedule = Schedule(5 * SECOND_NS, on_ns=SECOND_NS, off_ns=2 * SECOND_NS)
    due_s = [schedule.due_ns(2, n) / SECOND_NS for n in range(6)]
    assert due_s == [5, 5.5, 8, 8.5, 11, 11.5]
    assert not schedule.is_on(7 * SECOND_NS)


def test_a_ramp_sends_half_of_what_the_full_rate_would() -> None:
    schedule = Schedule(0, ramp_ns=10 * SECOND_NS)
    assert schedule.packets_before(100, 10 * SECOND_NS) == 500
    # At half of the ramp the rate is half, and a quarter of its packets are sent.
    assert schedule.packets_before(100, 5 * SECOND_NS) == 125
    assert schedule.packets_before(100, 11 * SECOND_NS) == 600


def test_a_rest_needs_a_time_to_work() -> None:
    with pytest.raises(ValueError, match="off needs an on"):
        Schedule(0, off_ns=1)
