"""Path protection: two disjoint paths, and an ingress that switches over when it is told."""

from __future__ import annotations

import pytest

from controller.dataplane import DataPlane, Outcome
from controller.desired import Designer
from controller.disjoint import Disjointness, path_pair
from controller.network import Network
from controller.policies import policy_named
from tests.unit.controller_plans import (
    Edge,
    one_host_per_switch,
    parts,
    plan_of,
    single_failures,
    topohub_edges,
)
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan

POLICY = policy_named("path-protection")
PLANS = {
    "ai-backbone": make_plan(load_topology("ai-backbone")),
    "Abilene": plan_of(topohub_edges("topozoo/Abilene")),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_ingress_switches_over_when_it_is_told_of_a_span(name: str) -> None:
    plan = PLANS[name]
    designer = Designer(plan)
    before = DataPlane(plan, designer.desired(POLICY).rules)
    hosts = one_host_per_switch(plan)
    pairs = [(a, b) for a in hosts for b in hosts if a is not b]
    for failed in (f for f in single_failures(plan) if len(f) == 1):
        part = parts(plan, failed)
        told = DataPlane(plan, designer.desired(POLICY, failed).rules)
        for source, target in pairs:
            way = before.send(source, target)
            cut = before.send(source, target, failed)
            # Until it is told, it heals only what happens at its own port.
            hit_elsewhere = bool(failed & set(way.spans[1:]))
            assert (cut.outcome is Outcome.DELIVERED) == (not hit_elsewhere)
            if part[source.site] == part[target.site]:
                assert told.send(source, target, failed).outcome is Outcome.DELIVERED


def test_only_ingresses_change_when_a_span_fails() -> None:
    plan = PLANS["ai-backbone"]
    designer = Designer(plan)
    whole = designer.desired(POLICY).rules
    for span in plan.spans:
        for site, rules in designer.desired(POLICY, [span.id]).rules.items():
            changed = {k for k in rules.flows if rules.flows[k] != whole[site].flows[k]}
            assert all(key.match.mpls_label is None for key in changed)
            assert rules.flows.keys() <= whole[site].flows.keys()


def disjointness(plan: NetworkPlan, start: str, end: str) -> tuple[Disjointness, list[str]]:
    network = Network(plan)
    index = network.graph.site_index
    pair = path_pair(network.routes(), index[start], index[end])
    assert pair is not None
    return pair.disjointness, [network.graph.sites[site] for site, _ in pair.working]


def test_a_trap_is_avoided() -> None:
    # The shortest path a b c d uses the only spans that two disjoint paths need apart.
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("c", "d")]
    edges += [Edge("a", "c", 300), Edge("b", "d", 300)]
    assert disjointness(plan_of(edges), "a", "d")[0] is Disjointness.NODES
    assert disjointness(plan_of(edges), "a", "d")[1] != ["a", "b", "c"]


def test_paths_share_a_switch_only_where_the_graph_has_no_other_way() -> None:
    edges = [Edge("a", "b"), Edge("a", "b", 200), Edge("b", "c"), Edge("b", "c", 200)]
    assert disjointness(plan_of(edges), "a", "c")[0] is Disjointness.SPANS
    assert disjointness(plan_of([Edge("a", "b"), Edge("b", "c")]), "a", "c")[0] is (
        Disjointness.NOTHING
    )
    told = {
        (s.site, s.destinations, s.protection)
        for s in Designer(plan_of(edges)).desired(POLICY).shortfalls
    }
    assert told == {("a", ("c",), "link"), ("c", ("a",), "link")}
