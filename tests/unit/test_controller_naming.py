"""Names that are written only where something has changed are those written from nothing."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.desired import Designer
from controller.naming import Naming, named_rules
from controller.policies import policy_named
from controller.rules import SwitchRules
from controller.update import Step, steps_between
from tests.unit.controller_plans import Edge, plan_of
from tests.unit.random_networks import two_connected

POLICY = policy_named("fast-reroute-reoptimise")


def copied(rules: Mapping[str, SwitchRules]) -> dict[str, SwitchRules]:
    return {name: SwitchRules(dict(r.flows), dict(r.groups)) for name, r in rules.items()}


@settings(max_examples=60, deadline=None)
@given(two_connected(), st.data())
def test_names_follow_any_history_as_if_there_were_none(
    edges: list[Edge], data: st.DataObject
) -> None:
    plan = plan_of(edges)
    designer = Designer(plan)
    naming = Naming(plan)
    spans = st.sets(st.sampled_from([span.id for span in plan.spans]), max_size=2)
    switches = [switch.name for switch in plan.switches]
    held: dict[str, SwitchRules] = {}
    for _ in range(data.draw(st.integers(1, 5))):
        wanted = designer.desired(POLICY, data.draw(spans)).rules
        before = copied(held)
        named = naming.rules(wanted, held)
        assert held == before
        assert named == named_rules(plan, wanted, held)
        # An update ends, is taken back, or is left half done; a switch forgets all.
        reached = data.draw(st.sampled_from([None, *Step, Step.CLEAN, Step.CLEAN]))
        if reached is not None:
            held = {
                switch: steps_between(held.get(switch, SwitchRules()), named[switch])[reached]
                for switch in named
            }
        if data.draw(st.integers(0, 3)) == 0:
            held = {**held, data.draw(st.sampled_from(switches)): SwitchRules()}


def test_what_a_failure_does_not_concern_stays_the_same_object() -> None:
    # Two rings that share a switch: a cut in one of them changes nothing beyond it.
    edges = [Edge("m", "a"), Edge("a", "b"), Edge("b", "m")]
    edges += [Edge("m", "x"), Edge("x", "y"), Edge("y", "m")]
    plan = plan_of(edges, hosts_at=["a", "b", "m"])
    designer, naming = Designer(plan), Naming(plan)
    base = naming.rules(designer.desired(POLICY).rules, {})
    away = naming.rules(designer.desired(POLICY, ["s1"]).rules, base)
    assert all(away[switch] is base[switch] for switch in ("x", "y"))
    assert away["a"] != base["a"]
    given = copied(away)
    back = naming.rules(designer.desired(POLICY).rules, away)
    assert away == given
    assert back["m"].flows.keys() == base["m"].flows.keys()
