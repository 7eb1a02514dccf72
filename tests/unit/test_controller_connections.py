"""Controllers that come back, switches that restart, are cut off, refuse or never appear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.dataplane import DataPlane
from controller.rules import Flow, FlowKey, Match, SwitchRules, Table
from tests.unit.controller_plans import Edge, plan_of
from tests.unit.controller_switches import LONG_S, Bench, delivers

SQUARE = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a")])
ALL = ["fast-reroute", "restoration", "fast-reroute-reoptimise"]
REOPTIMISE = "fast-reroute-reoptimise"


def test_a_new_controller_takes_over_without_touching_what_is_right() -> None:
    old = Bench(SQUARE, REOPTIMISE).start()
    old.span("s0", up=False)
    old.run(LONG_S)
    new = Bench(SQUARE, REOPTIMISE, held=old.held)
    new.dead = {"s0"}  # it failed while nobody was looking
    new.start()
    new.run(LONG_S)
    assert new.sent == []
    assert all(f["wrong"] == f["missing"] == f["extra"] == 0 for f in new.logged("stock-taken"))
    assert [f["span"] for f in new.logged("span-down")] == ["s0"]
    assert new.logged("update-done") == [{"update": 1, "reason": "take-over"}]


def test_a_new_controller_repairs_what_is_wrong_and_finishes_what_was_begun() -> None:
    old = Bench(SQUARE, REOPTIMISE).start()
    old.span("s0", up=False)
    old.run(0.115)  # some switches are a step ahead
    held = dict(old.held)
    broken = next(key for key in held["c"].flows if key.table is Table.ADDRESSES)
    held["c"] = replace(held["c"], flows={**held["c"].flows, broken: Flow(broken, ())})
    stray = FlowKey(Table.ADDRESSES, 900, Match(ipv4_dst="10.9.9.9/32"))
    held["d"] = replace(held["d"], flows={**held["d"].flows, stray: Flow(stray, ())})
    new = Bench(SQUARE, REOPTIMISE, held=held)
    new.dead, new.foreign = {"s0"}, {"a": ("odd",)}
    new.start()
    new.run(LONG_S)
    told = {f["switch"]: f for f in new.logged("stock-taken")}
    assert told["c"]["wrong"] + told["c"]["missing"] > 0
    assert new.logged("foreign-removed") == [{"switch": "a", "flows": 1}]
    assert delivers(new)
    assert stray not in new.held["d"].flows
    away = Bench(SQUARE, REOPTIMISE, held=new.held)
    away.dead = {"s0"}
    assert away.start().sent == []


@pytest.mark.parametrize("policy", ALL)
def test_a_switch_that_restarts_empty_gets_all_rules_and_one_that_was_only_away_none(
    policy: str,
) -> None:
    bench = Bench(SQUARE, policy).start()
    before = dict(bench.held)
    for forgotten in (False, True):
        since = len(bench.sent)
        bench.disconnect("b")
        if forgotten:
            bench.held["b"] = SwitchRules()
        bench.connect("b")
        bench.run(1.0)
        assert {send.switch for send in bench.sent[since:]} == ({"b"} if forgotten else set())
        assert bench.held == before


def test_a_switch_that_cannot_be_reached_has_the_update_taken_back_until_it_returns() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    before = dict(bench.held)
    bench.slow.add("c")
    bench.span("s0", up=False)
    bench.run(0.2)
    bench.disconnect("c")
    bench.run(LONG_S)
    assert [f["switch"] for f in bench.logged("update-taken-back")] == ["c"]
    assert bench.held == before
    assert delivers(bench)  # by the repair
    bench.slow.clear()
    bench.connect("c")
    bench.run(LONG_S)
    assert bench.logged("update-done")[-1]["reason"] == "failure"
    assert delivers(bench)


def test_an_update_does_not_begin_while_a_switch_that_it_needs_is_away() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    bench.disconnect("c")
    sent = len(bench.sent)
    bench.span("s0", up=False)
    bench.run(LONG_S)
    assert bench.logged("update-postponed") == [{"reason": "failure", "waiting_for": ["c"]}]
    assert bench.sent[sent:] == []
    bench.connect("c")
    bench.run(LONG_S)
    assert bench.logged("update-done")[-1]["reason"] == "failure"


def test_a_switch_lost_in_the_middle_of_the_switch_over_is_waited_for() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    bench.span("s0", up=False)
    bench.run(0.1 + 0.015)
    assert bench.core.installer.pending[0]["step"] == "switch"
    bench.disconnect("c")
    bench.run(LONG_S)
    assert [f["switch"] for f in bench.logged("update-waiting")] == ["c"]
    assert delivers(bench)
    bench.connect("c")
    bench.run(LONG_S)
    assert bench.logged("update-done")[-1]["reason"] == "failure"
    assert delivers(bench)


def test_a_refused_rule_is_told_and_the_move_not_made() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    before = dict(bench.held)
    bench.span("s0", up=False)
    bench.run(0.105)
    bench.do(bench.core.switch_error(2, 5, 6, "PutFlow(…)", bench.now_s))
    bench.run(LONG_S)
    told = {"switch": "b", "dpid": 2, "type": 5, "code": 6, "refused": "PutFlow(…)"}
    assert bench.logged("switch-error") == [told]
    assert bench.held == before
    assert delivers(bench)


def test_what_does_not_appear_in_time_is_told_and_the_rest_goes_on() -> None:
    for policy in ALL:
        bench = Bench(SQUARE, policy).start(without=["d"])
        bench.do(bench.core.start_up_over(bench.now_s))
        bench.dead |= {"s2", "s3"}
        bench.run(LONG_S)
        assert bench.logged("switches-missing") == [{"switches": ["d"]}]
        assert [f["span"] for f in bench.logged("span-down")] == ["s2", "s3"]
        assert "d" not in {send.switch for send in bench.sent}
        trace = DataPlane(SQUARE, bench.held).send(SQUARE.hosts[0], SQUARE.hosts[2])
        assert trace.sites == ("a", "b", "c")
