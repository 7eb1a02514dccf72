"""Each topology of the catalogue, and some by formula: built, forwarding, and healing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.emulation.controlled_networks import Controlled, Hosts, controlled, set_carrier
from topologies.load import catalogue_names, load_topology
from topologies.plan import NetworkPlan, make_plan

SETTLE_S = 0.5
# A span that carries traffic, and whose cut separates nothing.
CUT = {
    "ai-backbone": "quincy-chicago",
    "neoscaler": "abilene-l1-abilene-s1",
    "metro-edge": "duesseldorf-essen",
    "hybrid": "stuttgart-fra",
    "torus:3x3": "r1c1-r1c2",
}


def test_every_catalogue_topology_is_here() -> None:
    assert set(catalogue_names()) <= set(CUT)


def all_reach_all(running: Controlled, plan: NetworkPlan) -> bool:
    hosts = Hosts(running.network, plan)
    ends = list(hosts.by_switch.values())
    pairs = {(a.ip, b.ip) for a in ends for b in ends if a is not b}
    for a in ends:
        for b in ends:
            if a is not b:
                hosts.send(a, b, b"?")
    time.sleep(SETTLE_S)
    came = {(ip, end.ip) for end in ends for ip, _ in hosts.received(end)}
    hosts.close()
    return came == pairs


@pytest.mark.parametrize("name", sorted(CUT))
def test_all_hosts_reach_each_other_before_during_and_after_a_cut(
    name: str, tmp_path: Path
) -> None:
    plan = make_plan(load_topology(name), scale=1000)
    cut = [span for span in plan.spans if span.id == CUT[name]]
    assert len(cut) == 1
    with controlled(plan, "fast-reroute", tmp_path) as running:
        assert all_reach_all(running, plan)
        set_carrier(cut, up=False)
        running.wait_for_ends(cut, live=False)
        assert all_reach_all(running, plan)
        set_carrier(cut, up=True)
        running.wait_for_ends(cut, live=True)
        assert all_reach_all(running, plan)
