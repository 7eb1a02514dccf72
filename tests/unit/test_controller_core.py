"""The controller's decisions, driven without sockets: events in, effects out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from controller.changes import Stock
from controller.core import Core, Effect, Log, Occasion, Send, TakeStock
from controller.desired import Designer
from controller.openflow import port_is_live
from controller.policies import POLICIES, policy_named
from controller.rules import FlowKey, Match, Table
from tests.unit.controller_plans import Edge, plan_of
from topologies.plan import NetworkPlan, PlannedSwitch
from topologies.problems import InputError

SQUARE = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a")])


def names(effects: Iterable[Effect]) -> list[str]:
    return [effect.event for effect in effects if isinstance(effect, Log)]


def logged(effects: Iterable[Effect], event: str) -> list[dict[str, object]]:
    return [dict(e.fields) for e in effects if isinstance(e, Log) and e.event == event]


def sites_sent_to(effects: Iterable[Effect]) -> list[str]:
    return [effect.site for effect in effects if isinstance(effect, Send)]


def ports_of(plan: NetworkPlan, switch: PlannedSwitch, live: bool = True) -> dict[int, bool]:
    ends = [end for span in plan.spans for end in (span.a, span.b)]
    return {end.number: live for end in ends if end.switch == switch.name}


def running(policy: str, plan: NetworkPlan = SQUARE) -> Core:
    """A controller whose switches have all connected and installed their rules."""
    core = Core(plan, policy_named(policy))
    list(core.start())
    for switch in plan.switches:
        list(core.switch_connected(switch.dpid, ports_of(plan, switch)))
        list(core.installed(switch.name, Occasion.RULES))
    return core


def report(core: Core, span: int, live: bool, plan: NetworkPlan = SQUARE) -> list[Effect]:
    """Both ends of a span say how it is."""
    ends = (plan.spans[span].a, plan.spans[span].b)
    return [e for end in ends for e in core.port_reported(end.dpid, end.number, live)]


def test_a_switch_that_connects_gets_its_rules_and_is_asked_what_else_it_holds() -> None:
    core = Core(SQUARE, policy_named("fast-reroute"))
    list(core.start())
    effects = list(core.switch_connected(1, {}))
    assert names(effects) == ["switch-connected", "rules-sent"]
    assert [type(e) for e in effects if not isinstance(e, Log)] == [Send, TakeStock]


def test_ready_comes_once_all_have_installed_and_all_spans_are_live() -> None:
    core = Core(SQUARE, policy_named("fast-reroute"))
    list(core.start())
    seen: list[str] = []
    for switch in SQUARE.switches:
        not_yet = ports_of(SQUARE, switch, live=False)
        seen += names(core.switch_connected(switch.dpid, not_yet))
        seen += names(core.installed(switch.name, Occasion.RULES))
    assert "ready" not in seen
    assert "span-down" not in seen  # BFD needs a moment; that is no failure
    for number in range(len(SQUARE.spans)):
        seen += names(report(core, number, live=True))
    assert seen.count("ready") == 1
    assert seen[-1] == "ready"


def test_restoration_sends_only_differences_and_moves_back_on_repair() -> None:
    core = running("restoration")
    down = report(core, 0, live=False)
    assert names(down)[:3] == ["port-not-live", "span-down", "paths-computed"]
    assert logged(down, "paths-computed") == [{"failed_spans": ["s0"]}]
    assert set(sites_sent_to(down)) == {"a", "b", "c", "d"} - unaffected_by_s0()
    one_end_up = list(core.port_reported(SQUARE.spans[0].a.dpid, SQUARE.spans[0].a.number, True))
    assert names(one_end_up) == ["port-live"]  # a one-way fibre is a dead one
    end = SQUARE.spans[0].b
    up = list(core.port_reported(end.dpid, end.number, True))
    assert names(up)[:3] == ["port-live", "span-up", "paths-computed"]
    assert sorted(sites_sent_to(up)) == sorted(sites_sent_to(down))


def unaffected_by_s0() -> set[str]:
    designer, policy = Designer(SQUARE), policy_named("restoration")
    before, after = designer.desired(policy).rules, designer.desired(policy, ["s0"]).rules
    return {site for site in before if before[site] == after[site]}


def test_fast_reroute_leaves_the_healing_to_the_switches() -> None:
    core = running("fast-reroute")
    effects = report(core, 0, live=False)
    assert names(effects) == ["port-not-live", "span-down", "port-not-live"]
    assert sites_sent_to(effects) == []


def test_a_switch_that_was_away_gets_the_present_state() -> None:
    core = running("restoration")
    assert names(core.switch_gone(1)) == ["switch-disconnected"]
    effects = report(core, 1, live=False)
    assert "a" not in sites_sent_to(effects)
    back = list(core.switch_connected(1, ports_of(SQUARE, SQUARE.switches[0])))
    assert sites_sent_to(back) == ["a"]
    sent = next(e for e in back if isinstance(e, Send))
    fresh = Designer(SQUARE).desired(policy_named("restoration"), ["s1"]).rules["a"]
    assert len(sent.changes) == len(fresh.flows) + 1


def test_what_a_returning_switch_holds_and_nobody_wants_is_removed() -> None:
    core = running("fast-reroute")
    effects = list(core.stock_taken("a", Stock((FlowKey(Table.LABELS, 9, Match()),), (), (5,))))
    assert logged(effects, "leftovers-removed") == [{"site": "a", "flows": 1, "groups": 1}]
    assert sites_sent_to(effects) == ["a"]
    assert list(core.stock_taken("a", Stock())) == []


def test_what_does_not_appear_in_time_is_told_and_the_rest_goes_on() -> None:
    core = Core(SQUARE, policy_named("restoration"))
    list(core.start())
    for switch in SQUARE.switches[:3]:
        list(core.switch_connected(switch.dpid, ports_of(SQUARE, switch)))
    effects = list(core.start_up_over())
    assert logged(effects, "switches-missing") == [{"sites": ["d"]}]
    assert [f["span"] for f in logged(effects, "span-down")] == ["s2", "s3"]
    assert "d" not in sites_sent_to(effects)


def test_an_unknown_switch_and_a_refusal_are_told_as_warnings() -> None:
    core = running("fast-reroute")
    unknown = list(core.switch_connected(77, {1: True}))
    assert unknown == [Log("unknown-switch", {"dpid": 77}, warning=True)]
    assert list(core.port_reported(77, 1, False)) == []
    (refused,) = core.switch_error(2, 5, 6)
    fields = {"site": "b", "dpid": 2, "type": 5, "code": 6}
    assert refused == Log("switch-error", fields, warning=True)


def test_what_cannot_be_protected_is_told_at_the_start() -> None:
    bridge = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("c", "d")])
    effects = list(Core(bridge, policy_named("fast-reroute")).start())
    told = logged(effects, "unprotected")
    assert {"site": "c", "span": "s3", "destinations": ["d"], "protection": "none"} in told


class _Port:
    def __init__(self, state: int, config: int = 0) -> None:
        self.state, self.config = state, config


@pytest.mark.parametrize(
    ("state", "config", "live"), [(4, 0, True), (0, 0, False), (5, 0, False), (4, 1, False)]
)
def test_a_port_is_live_if_bfd_carrier_and_configuration_say_so(
    state: int, config: int, live: bool
) -> None:
    assert port_is_live(_Port(state, config)) is live


def test_policies_are_chosen_by_name() -> None:
    assert {"fast-reroute", "restoration"} <= set(POLICIES)
    assert policy_named("fast-reroute", "link").protection == "link"
    for name, protection, word in (
        ("fast-rerute", None, "did you mean 'fast-reroute'"),
        ("fast-reroute", "site", "unknown protection 'site'"),
        ("restoration", "link", "leave it out"),
    ):
        with pytest.raises(InputError, match=word):
            policy_named(name, protection)
