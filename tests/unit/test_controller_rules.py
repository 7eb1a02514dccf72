"""Updates leave no gap; the model of the data plane knows Open vSwitch's pitfalls."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.changes import (
    Barrier,
    Change,
    Comparison,
    DeleteFlow,
    DeleteGroup,
    PutFlow,
    PutGroup,
    Stock,
    changes_between,
    compared,
    removal,
)
from controller.dataplane import DataPlane, Outcome, Packet
from controller.desired import Designer
from controller.policies import policy_named
from controller.rules import (
    ETH_IPV4,
    Action,
    Bucket,
    Flow,
    FlowKey,
    ForgetPort,
    Group,
    GroupKind,
    Match,
    Output,
    PopLabel,
    PushLabel,
    SetField,
    SwitchRules,
    Table,
    ToGroup,
)
from controller.switch_rules import REPAIRED_MAC
from tests.unit.controller_plans import Edge, plan_of
from topologies.load import load_topology
from topologies.plan import GATEWAY_MAC, NetworkPlan, make_plan

PLAN = make_plan(load_topology("ai-backbone"))
DESIGNER = Designer(PLAN)
SPANS = [span.id for span in PLAN.spans]


def apply(rules: SwitchRules, changes: tuple[Change, ...]) -> SwitchRules:
    """Carry out changes one by one, as a switch does; nothing may ever point to nothing."""
    flows, groups = dict(rules.flows), dict(rules.groups)
    for change in changes:
        match change:
            case PutGroup(group):
                assert set(group.hands_over_to()) <= set(groups)
                groups[group.number] = group
            case PutFlow(flow):
                flows[flow.key] = flow
            case DeleteFlow(key):
                del flows[key]
            case DeleteGroup(number):
                del groups[number]
            case _:
                assert isinstance(change, Barrier)
        for flow in flows.values():
            assert all(a.group in groups for a in flow.actions if isinstance(a, ToGroup))
        for group in groups.values():
            assert set(group.hands_over_to()) <= set(groups)
    return SwitchRules(flows, groups)


@settings(max_examples=30, deadline=None)
@given(*[st.sets(st.sampled_from(SPANS), max_size=2)] * 2)
def test_an_update_leads_from_any_state_to_any_other_without_a_gap(
    before: set[str], after: set[str]
) -> None:
    policy = policy_named("fast-reroute")
    old, new = DESIGNER.desired(policy, before).rules, DESIGNER.desired(policy, after).rules
    for site, held in old.items():
        changes = changes_between(held, new[site])
        assert apply(held, changes) == new[site]
        assert (not changes) == (held == new[site])
        assert not changes or isinstance(changes[-1], Barrier)


def test_an_update_touches_only_what_differs() -> None:
    policy = policy_named("restoration")
    old = DESIGNER.desired(policy).rules
    new = DESIGNER.desired(policy, ["oslo-lulea"]).rules
    touched = {site for site in old if changes_between(old[site], new[site])}
    assert {"oslo", "lulea"} <= touched
    assert not touched & {"quincy", "seattle", "denver", "ashburn", "dublin"}


def test_a_group_that_changes_gets_another_number_so_flows_never_see_it_change() -> None:
    policy = policy_named("fast-reroute")
    old = DESIGNER.desired(policy).rules
    for span in SPANS:
        new = DESIGNER.desired(policy, [span]).rules
        for site, held in old.items():
            for number in held.groups.keys() & new[site].groups.keys():
                assert held.groups[number] == new[site].groups[number]


def test_a_stock_is_compared_by_its_contents() -> None:
    rules = DESIGNER.desired(policy_named("fast-reroute")).rules["oslo"]
    total = len(rules.flows) + len(rules.groups)
    assert compared(Stock(rules), rules) == Comparison(total, 0, 0, 0)
    stranger = Flow(FlowKey(Table.LABELS, 7, Match()))
    changed, gone = list(rules.flows)[-2:]
    flows = {**rules.flows, stranger.key: stranger, changed: Flow(changed, (Output(99),))}
    del flows[gone]
    held = Stock(
        SwitchRules(flows, {**rules.groups, 9: Group(9, GroupKind.INDIRECT, ())}), ("odd",)
    )
    assert compared(held, rules) == Comparison(right=total - 2, wrong=1, missing=1, extra=3)
    kinds = [type(change).__name__ for change in removal(held.foreign)]
    assert kinds == ["DeleteForeign", "Barrier"]
    assert removal(()) == ()


def test_equal_repairs_share_a_group() -> None:
    desired = DESIGNER.desired(policy_named("fast-reroute"))
    for rules in desired.rules.values():
        pointing = [a for f in rules.flows.values() for a in f.actions if isinstance(a, ToGroup)]
        assert len(rules.groups) < len(pointing)
        contents = [(group.kind, group.buckets) for group in rules.groups.values()]
        assert len(set(contents)) == len(contents)


LINE = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a")])


def plane_with(actions: tuple[Action, ...], groups: tuple[Group, ...] = ()) -> DataPlane:
    """Site `a` does this with every IP packet; the other sites drop all."""
    key = FlowKey(Table.CLASSES, 1, Match(eth_type=ETH_IPV4))
    rules = {switch.name: SwitchRules() for switch in LINE.switches}
    rules["a"] = SwitchRules({key: Flow(key, actions)}, {g.number: g for g in groups})
    return DataPlane(LINE, rules)


def packet_from(in_port: int) -> Packet:
    return Packet(GATEWAY_MAC, "10.0.2.1", 64, in_port)


def test_a_packet_does_not_leave_by_the_port_that_it_came_from() -> None:
    port = LINE.spans[0].a.number
    back = plane_with((Output(port),)).carry(packet_from(port), "a")
    assert (back.sites, back.outcome) == (("a",), Outcome.DROPPED)
    assert plane_with((Output(port),)).carry(packet_from(99), "a").sites == ("a", "b")
    forgotten = plane_with((ForgetPort(), Output(port))).carry(packet_from(port), "a")
    assert forgotten.sites == ("a", "b")


def test_of_two_pushes_in_a_bucket_only_the_last_takes_effect() -> None:
    port = LINE.spans[0].a.number
    push_two = (PushLabel(), SetField("mpls_label", 5), PushLabel(), SetField("mpls_label", 6))
    group = Group(1, GroupKind.INDIRECT, (Bucket((*push_two, Output(port))),))
    assert plane_with((ToGroup(1),), (group,)).carry(packet_from(99), "a").most_labels == 1
    assert plane_with((*push_two, Output(port))).carry(packet_from(99), "a").most_labels == 2


def test_a_wrong_type_below_the_last_label_ends_the_packet() -> None:
    port = LINE.spans[0].a.number
    push = (PushLabel(), SetField("mpls_label", 5))
    wrong = plane_with((*push, PopLabel(0x8847), Output(port))).carry(packet_from(99), "a")
    assert wrong.sites == ("a",)
    right = plane_with((*push, PopLabel(ETH_IPV4), Output(port))).carry(packet_from(99), "a")
    assert right.sites == ("a", "b")


def test_a_fast_failover_group_uses_its_first_live_bucket_and_drops_without_one() -> None:
    to_b, to_c = LINE.spans[0].a.number, LINE.spans[2].b.number
    buckets = (Bucket((Output(to_b),), to_b), Bucket((Output(to_c),), to_c))
    group = Group(1, GroupKind.FAST_FAILOVER, buckets)
    plane = plane_with((ToGroup(1),), (group,))
    ways = [
        plane.carry(packet_from(99), "a", failed).sites
        for failed in (frozenset[str](), frozenset({"s0"}), frozenset({"s0", "s2"}))
    ]
    assert ways == [("a", "b"), ("a", "c"), ("a",)]


def test_two_switches_that_send_to_each_other_are_a_loop() -> None:
    plan: NetworkPlan = LINE
    key = FlowKey(Table.CLASSES, 1, Match(eth_type=ETH_IPV4))
    ports = {"a": plan.spans[0].a.number, "b": plan.spans[0].b.number}
    rules = {
        site: SwitchRules({key: Flow(key, (ForgetPort(), Output(port)))})
        for site, port in ports.items()
    }
    assert DataPlane(plan, rules).carry(packet_from(99), "a").outcome is Outcome.LOOPED


@pytest.mark.parametrize("ttl", [1, 2])
def test_a_packet_dies_when_its_time_to_live_ends(ttl: int) -> None:
    rules = Designer(LINE).desired(policy_named("fast-reroute")).rules
    source, target = LINE.hosts[0], LINE.hosts[1]
    packet = Packet(GATEWAY_MAC, target.ip, ttl, source.port.number)
    # Two switches lie on the way, and each takes one.
    assert DataPlane(LINE, rules).carry(packet, source.port.switch).outcome is Outcome.DROPPED
    longer = replace(packet, ttl=3)
    assert DataPlane(LINE, rules).carry(longer, source.port.switch).outcome is Outcome.DELIVERED


def test_a_repaired_packet_is_not_repaired_again() -> None:
    rules = Designer(LINE).desired(policy_named("fast-reroute")).rules
    packet = Packet(REPAIRED_MAC, LINE.hosts[1].ip, 64, 99)
    trace = DataPlane(LINE, rules).carry(packet, "a", frozenset({"s0"}))
    assert trace.outcome is Outcome.DROPPED
