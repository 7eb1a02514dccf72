"""The share of time in which a pair of sites was served."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.availability import availability, rows
from experiments.failover import ProbeFlow
from traffic.schedule import Schedule

MS = 1_000_000
AB = ("a", "b")


def flow(lost: Collection[int], rate_pps: int = 1000, seconds: int = 2, **times: int) -> ProbeFlow:
    """Packets from 0 s on, some of them lost."""
    schedule, count = Schedule(0, **times), rate_pps * seconds
    arrived = [
        (n, schedule.due_ns(rate_pps, n), schedule.due_ns(rate_pps, n) + MS)
        for n in range(count)
        if n not in lost
    ]
    return ProbeFlow(np.array(arrived, dtype=np.int64).reshape(-1, 3), schedule, rate_pps, count)


def test_a_slot_is_served_up_to_the_threshold() -> None:
    # In the first slot 20 of 100 packets are lost, in the second 21, in the third all.
    lost = {*range(20), *range(100, 121), *range(200, 300)}
    found = availability([(AB, flow(lost))], 0, 2000 * MS)["a/b"]
    assert found.time_share == pytest.approx(18 / 20)
    assert found.packet_share == pytest.approx(1 - 141 / 2000)
    assert (found.outages, found.longest_outage_ms, found.unserved_ms) == (1, 200, 200)


def test_both_directions_have_to_be_served_and_pairs_are_apart() -> None:
    there, back = flow(range(300, 400)), flow(range(900, 1000))
    flows = [(AB, there), (("b", "a"), back), (("a", "c"), flow(()))]
    found = availability(flows, 0, 2000 * MS)
    assert list(found) == ["a/b", "a/c"]
    assert found["a/b"].time_share == pytest.approx(0.9)
    assert found["a/b"].outages == 2
    assert found["a/b"].probes == 2
    assert found["a/c"].time_share == found["a/c"].packet_share == 1


def test_a_slow_probe_has_longer_slots_and_only_the_window_counts() -> None:
    found = availability([(AB, flow(range(4), rate_pps=20))], 0, 2000 * MS)["a/b"]
    assert (found.slot_ms, found.time_share) == (500, 0.75)
    assert availability([(AB, flow(range(500)))], 500 * MS, 2000 * MS)["a/b"].time_share == 1


def test_a_probe_that_rests_is_not_out_of_service() -> None:
    resting = flow((), on_ns=300 * MS, off_ns=200 * MS)
    found = availability([(AB, resting)], 0, 2000 * MS)["a/b"]
    assert (found.time_share, found.outages) == (1, 0)


def test_where_nothing_was_due_there_is_no_figure() -> None:
    assert availability([(AB, flow(()))], 0, 50 * MS) == {}
    assert availability([], 0, 2000 * MS) == {}


@given(st.sets(st.integers(0, 1999)))
def test_shares_are_of_time_and_of_packets(lost: set[int]) -> None:
    found = availability([(AB, flow(lost))], 0, 2000 * MS)["a/b"]
    assert found.packet_share == pytest.approx(1 - len(lost) / 2000)
    bad = sum(len(lost & set(range(n, n + 100))) > 20 for n in range(0, 2000, 100))
    assert found.time_share == pytest.approx(1 - bad / 20)
    assert found.unserved_ms == bad * 100
    assert found.longest_outage_ms <= found.unserved_ms


def test_many_pairs_are_told_by_the_one_that_was_served_least() -> None:
    pairs = {f"a/{n}": {"time_share": 1 - n / 100, "packet_share": 1.0} for n in range(9)}
    [row] = rows([pairs, None])
    assert row.values == ("92.000 (a/8)", "failed")
    few = list(rows([{"a/b": {"time_share": 0.5, "packet_share": 0.25}}]))
    assert [row.values for row in few] == [("50.000",), ("25.000",)]
