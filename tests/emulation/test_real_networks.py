"""Real networks are built: a small, a middle and a large one of TopoHub, and a user's file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulation.built_networks import left_over, lines
from topologies.build import build_network
from topologies.imports.options import ImportOptions
from topologies.load import load_topology
from topologies.plan import make_plan

NETWORKS = Path(__file__).parent.parent / "data" / "networks"


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = left_over()
    yield
    assert left_over() == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("topozoo/Abilene", {}),
        ("sndlib/germany50", {}),
        ("sndlib/norway", {"km_per_unit": 3}),
        ("gabriel/100/0", {}),
        (str(NETWORKS / "zoo.graphml"), {}),
        (str(NETWORKS / "lengths.json"), {}),
    ],
)
def test_network_is_built_as_planned(name: str, options: dict[str, float]) -> None:
    topology = load_topology(name, options=ImportOptions.model_validate(options))
    plan = make_plan(topology, scale=1000)
    with build_network(plan) as network:
        assert len(network.switches) == len(topology.sites)
        assert len(network.hosts) == len(topology.sites)
        assert len(network.links) == len(topology.spans) + len(topology.sites)
        assert set(lines("ovs-vsctl", "list-br")) == {switch.name for switch in plan.switches}
