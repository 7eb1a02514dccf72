"""Queues that mark packets (ECN) instead of dropping them, where the scenario asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulation.built_networks import Datagrams, connect, datagrams, two_sites
from topologies.build import build_network

NOT_CAPABLE, CAPABLE, MARKED = 0, 2, 3
PAYLOAD_BYTES, FRAME_BYTES = 1458, 1500
RATE_MBPS, MARK_MS = 10, 20
MARK_BYTES = RATE_MBPS * 1000 * MARK_MS / 8


@contextmanager
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


def burst(pair: Datagrams, ecn: int, count: int) -> list[int]:
    pair.set_ecn(ecn)
    pair.send_many(PAYLOAD_BYTES, count)
    return pair.ecn_received()


def test_what_comes_to_a_long_queue_is_marked_and_nothing_else() -> None:
    # The hosts' links are four times as fast: of four that have come, one is on the line.
    waiting = [n - n // 4 - 1 for n in range(60)]
    expected = next(n for n in range(60) if waiting[n] * FRAME_BYTES > MARK_BYTES)
    with hosts(MARK_MS) as marking:
        for _ in range(2):  # a rest between them leaves no memory of the queue
            found = burst(marking, CAPABLE, 60)
            unmarked = found.index(MARKED)
            assert found == [CAPABLE] * unmarked + [MARKED] * (60 - unmarked)
            assert abs(unmarked - expected) <= 1


def test_what_does_not_ask_for_marks_is_queued_as_without_them() -> None:
    with hosts(MARK_MS) as marking:
        found = burst(marking, NOT_CAPABLE, 200)
    assert set(found) == {NOT_CAPABLE}
    assert 60 < len(found) < 200
    with hosts(None) as plain:
        assert burst(plain, NOT_CAPABLE, 200) == found
        assert burst(plain, CAPABLE, 200) == [CAPABLE] * len(found)
