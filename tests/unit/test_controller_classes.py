"""A packet's class holds on every span of its way, under labels too, and costs hardly a rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dataplane import DataPlane, Trace
from controller.desired import Designer
from controller.naming import named_rules
from controller.policies import POLICIES, policy_named
from tests.unit.controller_plans import (
    Edge,
    one_host_per_switch,
    plan_of,
    single_failures,
    with_classes,
)
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan
from topologies.traffic_classes import (
    BEST_EFFORT,
    CONTROL_QUEUE,
    INTERACTIVE,
    TRAFFIC_CLASSES,
    TrafficClass,
)

ROUTED = [name for name, policy in POLICIES.items() if policy.app is None]
EF, CS6 = 46, 48
# Repairs in it take up to three labels: conduit x holds three shortcuts.
LABELLED = with_classes(
    plan_of(
        [
            Edge("n0", "n1", 4000),
            Edge("n1", "n2", 2000),
            Edge("n2", "n3", 4000),
            Edge("n3", "n4", 300),
            Edge("n4", "n5", 300),
            Edge("n5", "n0", 200, ("x",)),
            Edge("n4", "n1", 200, ("x",)),
            Edge("n3", "n2", 200, ("x",)),
        ]
    )
)
BACKBONE = make_plan(load_topology("ai-backbone"))


def class_of(dscp: int) -> TrafficClass:
    """By the table alone."""
    return next((c for c in TRAFFIC_CLASSES if dscp in c.dscps.values()), BEST_EFFORT)


def ways(plan: NetworkPlan, plane: DataPlane, dscp: int) -> Iterator[Trace]:
    """All pairs, after each single failure."""
    hosts = one_host_per_switch(plan)
    for failed in (frozenset[str](), *single_failures(plan)):
        for source in hosts:
            for target in hosts:
                if source is not target:
                    yield plane.send(source, target, failed, dscp=dscp)


@pytest.mark.parametrize("policy", ROUTED)
@pytest.mark.parametrize("dscp", [EF, 0, CS6, INTERACTIVE.dscps["CS5"], 10])
def test_the_class_holds_on_the_path_and_on_every_repair(policy: str, dscp: int) -> None:
    rules = Designer(LABELLED).desired(policy_named(policy)).rules
    plane = DataPlane(LABELLED, named_rules(LABELLED, rules, {}))
    expected = class_of(dscp)
    deepest = 0
    for trace in ways(LABELLED, plane, dscp):
        assert set(trace.queues) <= {expected.queue}
        assert {mark for stack in trace.classes for mark in stack} <= {expected.label_class}
        deepest = max(deepest, trace.most_labels)
    labels = {"none": 0, "restoration": 0, "path-protection": 1}
    assert deepest == labels.get(policy, 3)


@settings(max_examples=20, deadline=None)
@given(dscp=st.integers(0, 63))
def test_the_class_never_changes_the_way(dscp: int) -> None:
    plane = DataPlane(LABELLED, Designer(LABELLED).desired(policy_named("fast-reroute")).rules)
    for plain, marked in zip(ways(LABELLED, plane, 0), ways(LABELLED, plane, dscp), strict=True):
        assert (plain.outcome, plain.sites, plain.stacks) == (
            marked.outcome, marked.sites, marked.stacks,
        )  # fmt: skip
        assert set(marked.queues) <= {class_of(dscp).queue}


@pytest.mark.parametrize("policy", ROUTED)
def test_classes_add_the_same_few_flows_to_every_switch_and_no_group(policy: str) -> None:
    plain, classes = (
        Designer(plan).desired(policy_named(policy)).rules
        for plan in (BACKBONE, with_classes(BACKBONE))
    )
    for site, rules in plain.items():
        more = len(classes[site].flows) - len(rules.flows)
        assert more == len(INTERACTIVE.dscps) + 1  # its code points, and its label class
        assert len(classes[site].groups) == len(rules.groups)


def test_without_classes_no_queue_is_chosen() -> None:
    plane = DataPlane(BACKBONE, Designer(BACKBONE).desired(policy_named("fast-reroute")).rules)
    assert {queue for trace in ways(BACKBONE, plane, EF) for queue in trace.queues} == {None}


def test_the_table_of_classes_is_sound() -> None:
    code_points = [dscp for c in TRAFFIC_CLASSES for dscp in c.dscps.values()]
    assert len(set(code_points)) == len(code_points)
    queues = [CONTROL_QUEUE, *(c.queue for c in TRAFFIC_CLASSES)]
    assert queues == sorted(set(queues))
    assert len({c.label_class for c in TRAFFIC_CLASSES}) == len(TRAFFIC_CLASSES)
    assert all(0 <= c.label_class < 8 and 0 <= c.dscp < 64 for c in TRAFFIC_CLASSES)
    assert all(class_of(c.dscp) is c for c in TRAFFIC_CLASSES)
