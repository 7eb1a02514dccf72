"""The least time of a collective on a plan, against sums made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.collective_bound import Ways, collective_s, message_s
from experiments.model_presets import models
from experiments.workloads import KINDS
from experiments.workloads.ranks import groups, shape, vector_bytes
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.model import wire_bytes
from traffic.collectives.schedule import ELEMENT_BYTES

RING = Path(__file__).parent.parent / "data" / "scenarios" / "ring.topology.yaml"


def plan() -> NetworkPlan:
    """Five sites with 100 Gbit/s between them, at 1:1000."""
    return make_plan(load_topology(str(RING)), scale=1000)


def test_a_message_takes_its_delay_its_rate_and_a_packet_for_each_further_hop() -> None:
    network = plan()
    ways = Ways(network, ["a-host1", "b-host1"])
    size, a, b = 100_000, network.host("a-host1"), network.host("b-host1")
    [span] = [span for span in network.spans if span.id == "ab"]
    rates = sorted([a.rate_mbps, span.rate_mbps, b.rate_mbps])
    delay_us = a.delay_us + span.delay_us + b.delay_us
    forwarding_us = sum(1514 * 8 / rate for rate in rates[1:])
    by_hand_us = delay_us + wire_bytes(size) * 8 / rates[0] + forwarding_us
    assert message_s(ways, 0, 1, size) * 1e6 == pytest.approx(by_hand_us)


def test_a_ring_takes_as_long_as_its_slowest_message_in_each_round() -> None:
    ways = Ways(plan(), ["a-host1", "b-host1"])
    size = 80_000
    found = collective_s(ways, "all-reduce", "ring", shape(plan(), ["a-host1", "b-host1"], size))
    slowest = max(message_s(ways, 0, 1, size // 2), message_s(ways, 1, 0, size // 2))
    assert found == pytest.approx(2 * slowest, rel=1e-3)


def test_a_shared_span_is_the_bottleneck() -> None:
    # Four flows from one site to another, all over one span of 100 Mbit/s.
    hosts = ["a-host1", "b-host1", "a-host2", "b-host2"]
    ways = Ways(plan(), hosts)
    size = 4_000_000
    found = collective_s(ways, "all-to-all", "direct", shape(plan(), hosts, size))
    assert found >= 4 * wire_bytes(size // 4) * 8 / 100e6


@settings(max_examples=40, deadline=None)
@given(
    case=st.sampled_from([(n, a) for n, c in COLLECTIVES.items() for a in c.algorithms]),
    elements=st.integers(4, 20_000),
    times=st.integers(2, 5),
)
def test_more_bytes_never_take_less_time(case: tuple[str, str], elements: int, times: int) -> None:
    hosts = ["a-host1", "a-host2", "c-host1", "e-host1"]
    network = plan()
    ways = Ways(network, hosts)
    few, many = (
        collective_s(ways, *case, shape(network, hosts, size * ELEMENT_BYTES))
        for size in (elements, elements * times)
    )
    assert 0 < few <= many


def test_groups_are_the_sites() -> None:
    hosts = ["c-host1", "a-host1", "c-host2", "a-host2"]
    assert groups(plan(), hosts) == [[0, 2], [1, 3]]


def test_sizes_are_whole_numbers_after_scaling() -> None:
    assert vector_bytes(plan(), 0.000_010_1) == 12
    assert vector_bytes(plan(), 1) == 1_000_000


def test_every_model_has_its_source_and_sizes_by_hand() -> None:
    found = models()
    assert all("arXiv" in model.source for model in found.values())
    assert found["gpt-3-175b"].gradients_gb == pytest.approx(350)
    assert found["gpt-3-175b"].activations_gb == pytest.approx(12288 * 2048 * 2 / 1e9)
    assert found["llama-3-70b"].checkpoint_gb == pytest.approx(980)
    assert found["streaming-diloco-1b"].gradients_gb == pytest.approx(0.5)


def test_each_kind_has_its_own_place_in_the_summary() -> None:
    assert len({kind.group for kind in KINDS.values()}) == len(KINDS)
