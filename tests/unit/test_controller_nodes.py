"""Node protection: a switch that fails takes all its spans with it, and packets go around it.

What the graph allows is delivered; where it is not, the desired state has said so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dataplane import DataPlane, Outcome
from controller.desired import Designer, Desired
from controller.graph import Routes
from controller.policies import policy_named
from tests.unit.controller_plans import (
    Edge,
    healthy,
    one_host_per_switch,
    parts,
    plan_of,
    single_failures,
    topohub_edges,
    traces,
)
from tests.unit.random_networks import two_connected
from tests.unit.test_controller_coverage import assert_heals
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan

TOPOZOO = ["Abilene", "Geant2012", "Bics", "Sprint"]


def designed(plan: NetworkPlan, protection: str = "node-and-conduit") -> Desired:
    return Designer(plan).desired(policy_named("fast-reroute", protection))


def node_failures(plan: NetworkPlan) -> Iterator[tuple[str, frozenset[str]]]:
    for switch in plan.switches:
        ends = {span.id: (span.a.switch, span.b.switch) for span in plan.spans}
        yield switch.name, frozenset(span for span, at in ends.items() if switch.name in at)


def unhealed(plan: NetworkPlan, desired: Desired) -> Iterator[tuple[str, str, str]]:
    """(point of local repair, its span, destination) of every packet that a node's failure costs.

    Never a loop, and never more than three labels.
    """
    plane = DataPlane(plan, desired.rules)
    before = healthy(plan, plane)
    for node, failed in node_failures(plan):
        part = parts(plan, failed)
        for source, target, trace in traces(plan, plane, failed, before):
            assert trace.outcome is not Outcome.LOOPED
            assert trace.most_labels <= 3
            if part[source.site] != part[target.site] or node in (source.site, target.site):
                continue
            if trace.outcome is not Outcome.DELIVERED:
                way = before[source.name + target.name]
                at = next(i for i, span in enumerate(way.spans) if span in failed)
                yield way.sites[at], way.spans[at], target.site


def test_every_node_of_the_ai_backbone_may_fail() -> None:
    plan = make_plan(load_topology("ai-backbone"))
    desired = designed(plan)
    assert list(unhealed(plan, desired)) == []
    assert_heals(plan, desired, single_failures(plan))


@pytest.mark.parametrize("name", TOPOZOO)
def test_every_node_of_a_real_network_may_fail(name: str) -> None:
    plan = plan_of(topohub_edges(f"topozoo/{name}"))
    assert list(unhealed(plan, designed(plan, "node"))) == []
    with_conduits = plan_of(topohub_edges(f"topozoo/{name}", conduit_seed=1))
    desired = designed(with_conduits)
    told = {(s.site, s.span, name) for s in desired.shortfalls for name in s.destinations}
    assert set(unhealed(with_conduits, desired)) <= told


@settings(max_examples=100, deadline=None)
@given(two_connected())
def test_what_a_node_takes_away_in_a_random_network_was_told(edges: list[Edge]) -> None:
    plan = plan_of(edges)
    desired = designed(plan)
    told = {(s.site, s.span, name) for s in desired.shortfalls for name in s.destinations}
    assert set(unhealed(plan, desired)) <= told


@settings(max_examples=100, deadline=None)
@given(two_connected(), st.data())
def test_with_all_protection_nothing_loops_whatever_fails_at_once(
    edges: list[Edge], data: st.DataObject
) -> None:
    plan = plan_of(edges)
    plane = DataPlane(plan, designed(plan).rules)
    before = healthy(plan, plane)
    names = st.sampled_from([span.id for span in plan.spans])
    failed = frozenset(data.draw(st.sets(names, min_size=2, max_size=6)))
    for _, target, trace in traces(plan, plane, failed, before):
        assert trace.outcome is not Outcome.LOOPED
        assert trace.outcome is not Outcome.DELIVERED or trace.sites[-1] == target.site


def test_the_next_switch_itself_is_protected_against_all_but_its_own_failure() -> None:
    plan = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a")])
    desired = designed(plan)
    assert desired.shortfalls == ()
    assert_heals(plan, desired, single_failures(plan))


def test_a_cut_node_leaves_the_span_protected_and_is_told() -> None:
    # Two rings that share the switch m: nothing leads around it, but around each span.
    edges = [Edge("a", "b"), Edge("b", "m"), Edge("m", "a")]
    edges += [Edge("m", "x"), Edge("x", "y"), Edge("y", "m")]
    plan = plan_of(edges)
    desired = designed(plan, "node")
    told = {(s.site, s.span): (s.destinations, s.protection) for s in desired.shortfalls}
    assert told["a", "s2"] == (("x", "y"), "link")
    assert_heals(plan, desired, single_failures(plan))


def test_conduits_come_before_nodes_where_both_at_once_cannot_be_avoided() -> None:
    # From a to d: by b; around b by c, whose span shares b's duct; around the duct by e and b.
    edges = [
        Edge("a", "b", 100, ("duct",)),
        Edge("b", "d", 100),
        Edge("a", "c", 200, ("duct",)),
        Edge("c", "d", 200),
        Edge("a", "e", 300),
        Edge("e", "b", 300),
    ]
    plan = plan_of(edges)
    told = designed(plan).shortfalls
    kept = {s.protection for s in told if (s.site, s.span) == ("a", "s0") and "d" in s.destinations}
    assert kept == {"conduit"}
    assert designed(plan, "node").shortfalls == ()


@settings(max_examples=60, deadline=None)
@given(two_connected(), st.data())
def test_a_failure_computed_from_what_it_changes_is_as_good_as_from_nothing(
    edges: list[Edge], data: st.DataObject
) -> None:
    """The same paths, the same destinations protected; every next cut finds a repair."""
    plan = plan_of(edges)
    policy = policy_named("fast-reroute")
    designer = Designer(plan)
    hosts = one_host_per_switch(plan)
    names = [span.id for span in plan.spans]
    for _ in range(2):
        failed = frozenset(data.draw(st.sets(st.sampled_from(names), max_size=3)))
        anew = Designer(plan)
        graph = anew.network.graph
        anew.network._whole = Routes(graph, graph.set_of(graph.span_index[s] for s in failed))
        found, expected = designer.desired(policy, failed), anew.desired(policy)
        assert found.shortfalls == expected.shortfalls
        assert sum(found.label_depths) == sum(expected.label_depths)
        planes = [DataPlane(plan, desired.rules) for desired in (found, expected)]
        unprotected = {
            (s.site, s.span, name)
            for s in found.shortfalls
            if s.protection == "none"
            for name in s.destinations
        }
        for source, target in itertools.permutations(hosts, 2):
            way, same = (plane.send(source, target, failed) for plane in planes)
            assert way == same
            for site, span in zip(way.sites, way.spans, strict=False):
                cut = planes[0].send(source, target, failed | {span})
                told = (site, span, target.port.switch) in unprotected
                assert told or cut.outcome is Outcome.DELIVERED
