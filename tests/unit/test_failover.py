"""Failover time by the three methods of RFC 6414, on outages placed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.failover import ProbeFlow, delivery, outage, unimpaired
from traffic.schedule import Schedule

RATE_PPS = 10_000
INTERVAL_NS = 100_000
DELAY_NS = 5_000_000


def flow_without(lost: set[int], count: int = 1000, detour_ns: int = 0) -> ProbeFlow:
    """A flow of `count` packets of which some are lost; later ones take a detour."""
    after = max(lost, default=count)
    rows = [
        (i, i * INTERVAL_NS, i * INTERVAL_NS + DELAY_NS + (detour_ns if i > after else 0))
        for i in range(count)
        if i not in lost
    ]
    return ProbeFlow(np.array(rows, dtype=np.int64).reshape(-1, 3), Schedule(0), RATE_PPS, count)


def test_known_outage_by_all_three_methods() -> None:
    flow = flow_without(set(range(400, 523)), detour_ns=2_000_000)
    found = outage(flow, 0, 1000 * INTERVAL_NS)
    assert found.lost == 123
    assert found.plbm_ms == pytest.approx(12.3)
    assert found.tbm_ms == pytest.approx(12.4)  # last before to first after: one interval more
    assert found.tblm_ms == pytest.approx(14.4)  # and the detour's longer delay
    assert found.resolution_ms == found.plbm_resolution_ms == pytest.approx(0.1)
    assert found.tbm_resolution_ms == found.tblm_resolution_ms == pytest.approx(0.2)
    [warning] = found.warnings
    assert warning.startswith("TBLM is 2.000 ms more than TBM")
    assert found.resumed_sent_ns == 523 * INTERVAL_NS


def test_packets_that_come_through_are_where_the_methods_disagree() -> None:
    found = outage(flow_without({*range(400, 450), *range(460, 500)}), 0, 10**9)
    assert (found.plbm_ms, found.tbm_ms) == pytest.approx((9, 10.1))
    assert found.warnings == (
        "PLBM is 1.100 ms less than TBM: 10 packets came through within the outage",
    )


@given(
    st.integers(0, 20_000_000),
    st.integers(150_000, 30_000_000),
    st.sets(st.integers(0, 999)),
    st.sets(st.integers(1, 998)),
)
def test_each_method_is_right_to_its_resolution(
    at_ns: int, length_ns: int, doubled: set[int], late: set[int]
) -> None:
    """An outage anywhere, with duplicates, and packets that the next three overtake."""
    from_ns, until_ns = 30_000_000 + at_ns, 30_000_000 + at_ns + length_ns
    arrivals = [
        (i * INTERVAL_NS + DELAY_NS + (3 * INTERVAL_NS + 1 if i in late else 0) + copy, i)
        for i in range(1000)
        for copy in range(2 if i in doubled else 1)
        if not from_ns <= i * INTERVAL_NS < until_ns
    ]
    rows = [(i, i * INTERVAL_NS, at_ns) for at_ns, i in sorted(arrivals)]
    flow = ProbeFlow(np.array(rows, dtype=np.int64), Schedule(0), RATE_PPS, 1000)
    found = outage(flow, 0, 1000 * INTERVAL_NS)
    length_ms = length_ns / 1e6
    if not found.recovered:  # no packet is unimpaired on one of its sides
        return
    assert found.plbm_ms == pytest.approx(length_ms, abs=(found.plbm_resolution_ms or 0) + 1e-9)
    assert found.tbm_ms is not None
    assert found.tblm_ms is not None
    too_long_ms = (found.tbm_resolution_ms or 0) + 1e-9
    assert found.tbm_ms - too_long_ms <= length_ms <= found.tbm_ms + 1e-9
    if found.warnings:  # a late packet is the last one before the outage
        assert abs(found.tblm_ms - found.tbm_ms) == pytest.approx(0.3, abs=1e-5)
    else:
        assert abs(found.tblm_ms - length_ms) <= too_long_ms


def test_nothing_lost_is_zero_and_never_back_is_none() -> None:
    assert outage(flow_without(set()), 0, 10**9).tbm_ms == 0
    dead = outage(flow_without(set(range(400, 1000))), 0, 10**9)
    assert dead.lost == 600
    assert not dead.recovered
    assert dead.tblm_ms is dead.plbm_ms is dead.tbm_ms is None


def test_only_the_window_counts() -> None:
    flow = flow_without({100, *range(400, 410)})
    assert outage(flow, 200 * INTERVAL_NS, 1000 * INTERVAL_NS).lost == 10
    assert outage(flow, 0, 200 * INTERVAL_NS).lost == 1


def test_later_losses_of_another_cause_are_not_the_outage() -> None:
    flow = flow_without({*range(100, 150), 170, *range(600, 610)})
    found = outage(flow, 0, 10**9)
    assert found.lost == 51  # the loss 2 ms later belongs to it, the one 43 ms later does not
    assert found.tbm_ms == pytest.approx(7.2)
    assert delivery(flow, 0, 10**9).lost == 61


def test_duplicates_and_reordering_do_not_end_an_outage() -> None:
    flow = flow_without(set(range(400, 500)))
    late = np.array([[399, 399 * INTERVAL_NS, 480 * INTERVAL_NS + DELAY_NS]], dtype=np.int64)
    at = int(np.searchsorted(flow.rows[:, 0], 500))
    rows = np.insert(flow.rows, at, late, axis=0)
    doubled = ProbeFlow(rows, Schedule(0), RATE_PPS, 1000)
    assert 399 not in unimpaired(doubled.rows)[:, 0]
    assert outage(doubled, 0, 10**9).tbm_ms == pytest.approx(10.2)
    assert delivery(doubled, 0, 10**9).duplicated == 1


@given(st.sets(st.integers(1, 198)))
def test_every_packet_is_received_or_lost(lost: set[int]) -> None:
    flow = flow_without(lost, count=200)
    found = delivery(flow, 0, 200 * INTERVAL_NS)
    assert (found.sent, found.lost) == (200, len(lost))
    assert found.received + found.lost == found.sent
    assert found.reordered == found.duplicated == 0


def test_reordered_packets_are_counted() -> None:
    flow = flow_without(set(), count=10)
    swapped = flow.rows[[0, 1, 3, 2, 4, 5, 6, 9, 7, 8]]
    found = delivery(ProbeFlow(swapped, Schedule(0), RATE_PPS, 10), 0, 10**9)
    assert (found.reordered, found.lost) == (3, 0)
