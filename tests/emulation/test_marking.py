"""Queues that mark packets (ECN) instead of dropping them, where the scenario asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulation.built_networks import Datagrams, connect, datagrams, two_sites
from topologies.build import build_network

NOT_CAPABLE, CAPABLE, MARKED = 0, 2, 3
PAYLOAD_BYTES, FRAME_BYTES = 1458, 1500
RATE_MBPS, MARK_MS = 10, 20
MARK_BYTES = RATE_MBPS * 1000 * MARK_MS / 8


def hosts(ecn_mark_ms: float | None) -> Iterator[Datagrams]:
    plan = two_sites(
        rate_gbps=RATE_MBPS, scale=1000, buffer_ms=100, classes=True, ecn_mark_ms=ecn_mark_ms
    )
    with build_network(plan) as network:
        connect(plan)
        pair = datagrams(network, "west-host1", "east-host1")
        pair.fill_caches(PAYLOAD_BYTES)
        yield pair
        pair.close()


@pytest.fixture(scope="module")
def marking() -> Iterator[Datagrams]:
    yield from hosts(MARK_MS)


def burst(pair: Datagrams, ecn: int, count: int) -> list[int]:
    pair.set_ecn(ecn)
    pair.send_many(PAYLOAD_BYTES, count)
    return pair.ecn_received()


def test_what_comes_to_a_long_queue_is_marked_and_nothing_else(marking: Datagrams) -> None:
    for _ in range(2):  # a rest between them leaves no memory of the queue
        found = burst(marking, CAPABLE, 60)
        unmarked = found.index(MARKED)
        assert found == [CAPABLE] * unmarked + [MARKED] * (60 - unmarked)
        # The hosts' links are four times as fast: of four that have come, one is on the line.
        waiting = [n - n // 4 - 1 for n in range(60)]
        expected = next(n for n in range(60) if waiting[n] * FRAME_BYTES > MARK_BYTES)
        assert abs(unmarked - expected) <= 1


def test_what_does_not_ask_for_marks_is_queued_as_without_them(marking: Datagrams) -> None:
    with_marks = burst(marking, NOT_CAPABLE, 200)
    assert set(with_marks) == {NOT_CAPABLE}
    assert 60 < len(with_marks) < 200
    for plain in hosts(None):
        assert burst(plain, NOT_CAPABLE, 200) == with_marks
        assert burst(plain, CAPABLE, 200) == [CAPABLE] * len(with_marks)
