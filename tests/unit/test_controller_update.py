"""Moves between paths: in every state on the way, every packet is delivered without a loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.changes import changes_between
from controller.dataplane import DataPlane, Outcome
from controller.desired import Designer
from controller.naming import Naming, named_rules
from controller.policies import policy_named
from controller.rules import Flow, FlowKey, Group, SwitchRules
from controller.update import Step, Steps, steps_between
from tests.unit.controller_plans import (
    Edge,
    healthy,
    one_host_per_switch,
    parts,
    plan_of,
    single_failures,
)
from tests.unit.random_networks import two_connected
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan

POLICY = policy_named("fast-reroute")
BACKBONE = make_plan(load_topology("ai-backbone"))
Held = Mapping[str, SwitchRules]
NOTHING: Held = {}


def aimed(designer: Designer, failed: frozenset[str], held: Held) -> dict[str, SwitchRules]:
    """The named rules for some failed spans, from what the switches hold."""
    return named_rules(designer.plan, designer.desired(POLICY, failed).rules, held)


def stepped(held: Held, wanted: Held) -> dict[str, Steps]:
    return {name: steps_between(held.get(name, SwitchRules()), wanted[name]) for name in wanted}


def mixtures(
    held: Held, steps: Mapping[str, Steps], progress: Mapping[str, bool]
) -> Iterator[dict[str, SwitchRules]]:
    """For each step, the network in which only some switches have taken it yet."""
    before = {name: held.get(name, SwitchRules()) for name in steps}
    for step in Step:
        after = {name: steps[name][step] for name in steps}
        yield {name: after[name] if progress[name] else before[name] for name in steps}
        yield after
        before = after


def assert_all_delivered(
    plan: NetworkPlan,
    plane: DataPlane,
    failed: frozenset[str],
    without: frozenset[str] | None = None,
) -> None:
    """Between all that have a path `without` these spans (by default those that failed)."""
    part = parts(plan, failed if without is None else without)
    for source in one_host_per_switch(plan):
        for target in one_host_per_switch(plan):
            if source is target:
                continue
            trace = plane.send(source, target, failed)
            if part[source.port.switch] == part[target.port.switch]:
                assert trace.outcome is Outcome.DELIVERED, (source.name, target.name, trace)
            assert trace.outcome is not Outcome.LOOPED


@settings(max_examples=40, deadline=None)
@given(two_connected(ducts=False), st.data())
def test_every_state_on_the_way_to_new_paths_and_back_delivers_every_packet(
    edges: list[Edge], data: st.DataObject
) -> None:
    plan = plan_of(edges)
    designer = Designer(plan)
    progress = {switch.name: data.draw(st.booleans()) for switch in plan.switches}
    failed = frozenset({data.draw(st.sampled_from([span.id for span in plan.spans]))})
    other = frozenset({data.draw(st.sampled_from([span.id for span in plan.spans]))})
    held: Held = aimed(designer, frozenset(), NOTHING)
    assert_all_delivered(plan, DataPlane(plan, held), failed)
    # Away from a failed span; then another fails too; the first is mended; the other is.
    avoided = frozenset[str]()
    for dead in (failed, failed | other, other, frozenset[str]()):
        wanted = aimed(designer, dead, held)
        for rules in mixtures(held, stepped(held, wanted), progress):
            assert_all_delivered(plan, DataPlane(plan, rules), dead, without=dead | avoided)
        held, avoided = wanted, dead
    healthy(plan, DataPlane(plan, held))


@settings(max_examples=40, deadline=None)
@given(two_connected(ducts=False), st.data())
def test_nothing_loops_whatever_fails_in_the_middle_of_an_update(
    edges: list[Edge], data: st.DataObject
) -> None:
    plan = plan_of(edges)
    designer = Designer(plan)
    names = st.sampled_from([span.id for span in plan.spans])
    first, second, dead = (frozenset(data.draw(st.sets(names, max_size=3))) for _ in range(3))
    progress = {switch.name: data.draw(st.booleans()) for switch in plan.switches}
    held = aimed(designer, first, aimed(designer, frozenset(), NOTHING))
    for rules in mixtures(held, stepped(held, aimed(designer, second, held)), progress):
        plane = DataPlane(plan, rules)
        for source in one_host_per_switch(plan):
            for target in one_host_per_switch(plan):
                assert plane.send(source, target, dead).outcome is not Outcome.LOOPED


# The rest of the backbone's cuts are moved off in the guest (tests.benchmarks.n_minus_1).
@pytest.mark.parametrize("failed", single_failures(BACKBONE)[::6], ids=sorted)
def test_the_backbone_moves_off_every_cut_and_back_with_every_packet_delivered(
    failed: frozenset[str],
) -> None:
    designer = Designer(BACKBONE)
    base = aimed(designer, frozenset(), NOTHING)
    away = aimed(designer, failed, base)
    odd = {switch.name: switch.dpid % 2 == 1 for switch in BACKBONE.switches}
    for rules in mixtures(base, stepped(base, away), odd):
        assert_all_delivered(BACKBONE, DataPlane(BACKBONE, rules), failed)
    back = aimed(designer, frozenset(), away)
    for rules in mixtures(away, stepped(away, back), odd):
        assert_all_delivered(BACKBONE, DataPlane(BACKBONE, rules), frozenset())


def test_an_update_sends_what_lies_upstream_of_the_change_only() -> None:
    designer = Designer(BACKBONE)
    base = aimed(designer, frozenset(), NOTHING)
    total = sum(len(rules.flows) + len(rules.groups) for rules in base.values())
    away = aimed(designer, frozenset({"oslo-lulea"}), base)
    changed = sum(len(changes_between(base[name], away[name])) for name in base)
    assert 0 < changed < total / 2
    for name in base:
        assert len(away[name].flows) < 1.5 * len(base[name].flows)


def test_a_controller_that_takes_over_finds_the_names_that_are_in_use() -> None:
    designer = Designer(BACKBONE)
    base = aimed(designer, frozenset(), NOTHING)
    away = aimed(designer, frozenset({"quincy-chicago"}), base)
    assert away != aimed(designer, frozenset({"quincy-chicago"}), NOTHING)
    assert aimed(designer, frozenset({"quincy-chicago"}), away) == away
    # Also in the middle of an update.
    steps = stepped(base, away)
    for step in Step:
        halfway = {name: steps[name][step] for name in steps}
        assert aimed(designer, frozenset({"quincy-chicago"}), halfway) == away


def test_packets_on_their_way_see_nothing_of_an_update_that_does_not_concern_them() -> None:
    designer = Designer(BACKBONE)
    base = aimed(designer, frozenset(), NOTHING)
    away = aimed(designer, frozenset({"quincy-seattle"}), base)
    far = ("oslo", "lulea", "stockholm")
    nordic = [host for host in one_host_per_switch(BACKBONE) if host.site in far]
    for rules in mixtures(base, stepped(base, away), dict.fromkeys(base, True)):
        for source in nordic:
            for target in nordic:
                before = DataPlane(BACKBONE, base).send(source, target)
                assert DataPlane(BACKBONE, rules).send(source, target) == before


def test_rules_that_a_switch_was_given_do_not_change_when_the_next_are_written() -> None:
    designer, naming = Designer(BACKBONE), Naming(BACKBONE)
    given: list[tuple[SwitchRules, dict[FlowKey, Flow], dict[int, Group]]] = []
    held: Held = NOTHING
    for failed in ("", "quincy-chicago", "", "oslo-lulea"):
        dead = frozenset({failed} - {""})
        held = naming.rules(designer.desired(POLICY, dead).rules, held)
        given += [(rules, dict(rules.flows), dict(rules.groups)) for rules in held.values()]
    for rules, flows, groups in given:
        assert rules.flows == flows
        assert rules.groups == groups
