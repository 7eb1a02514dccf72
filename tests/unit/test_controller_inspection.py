"""What a running controller answers, and that it reads from switches what it writes to them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from controller.changes import Barrier, Stock, changes_between
from controller.inspection import Subject, UnknownError, answer, respond
from controller.openflow import messages
from controller.readback import stock_of
from controller.rules import SwitchRules
from tests.unit.controller_plans import Edge, plan_of
from tests.unit.controller_switches import Bench

SQUARE = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a", 300)])
# A repair around conduit x takes two labels.
STACKS = plan_of(
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


@pytest.fixture
def bench() -> Bench:
    return Bench(SQUARE, "fast-reroute-reoptimise").start()


def ask(bench: Bench, question: str, **query: str) -> Any:
    return answer(Subject(bench.core), question, query)


def test_a_path_and_its_protection_follow_a_failure(bench: Bench) -> None:
    ends = {"from": "a", "to": "c-host1"}
    assert ask(bench, "paths", **ends)["path"]["spans"] == ["s0", "s1"]
    protection = ask(bench, "protection", **ends)["if_it_fails"]
    assert protection["s0"]["switches"] == ["a", "d", "c"]
    bench.span("s0", up=False)
    assert ask(bench, "topology")["spans"]["s0"] == "failed"
    assert ask(bench, "paths", **ends)["path"]["spans"] == ["s3", "s2"]  # by the repair
    bench.run(0.105)
    [update] = ask(bench, "pending")["updates"]
    assert update["step"] == "prepare"
    assert update["waiting_for"]
    bench.run(10)
    assert ask(bench, "pending") == {
        "idle": True,
        "updates": [],
        "spans_waiting_to_be_used": [],
    }
    assert ask(bench, "protection", **ends)["if_it_fails"]["s3"]["outcome"] == "dropped"
    bench.span("s0", up=True)
    assert ask(bench, "topology")["spans"]["s0"] == "waiting"
    assert ask(bench, "pending")["spans_waiting_to_be_used"] == ["s0"]


def test_a_question_is_answered_with_and_without_a_question_mark(bench: Bench) -> None:
    statuses: list[str] = []
    for environment in ({"QUERY_STRING": ""}, {}):
        question = {"PATH_INFO": "/pending", **environment}
        [body] = respond(Subject(bench.core), question, lambda status, _: statuses.append(status))
        assert json.loads(body)["idle"] is True
    assert statuses == ["200 OK"] * 2


def test_counters_count(bench: Bench) -> None:
    counters = ask(bench, "counters")
    assert counters["updates"] == 1
    assert counters["flows"]["a"] == len(bench.held["a"].flows)
    assert counters["changes_sent"] == sum(
        len(r.flows) + len(r.groups) for r in bench.held.values()
    )


def test_what_nobody_knows_is_said(bench: Bench) -> None:
    with pytest.raises(UnknownError, match="there are: topology, paths"):
        ask(bench, "weather")
    with pytest.raises(UnknownError, match="'x'"):
        ask(bench, "paths", **{"from": "x", "to": "a"})


@pytest.mark.parametrize("plan", [SQUARE, STACKS], ids=["square", "stacks"])
def test_rules_that_are_read_back_are_those_that_were_written(plan: Any) -> None:
    bench = Bench(plan, "fast-reroute-reoptimise").start()
    bench.span("s0", up=False)
    bench.run(10)
    datapath = SimpleNamespace(ofproto=None, ofproto_parser=None)
    for rules in bench.held.values():
        changes = [c for c in changes_between(SwitchRules(), rules) if not isinstance(c, Barrier)]
        sent = messages(datapath, changes)
        flows = [m for m in sent if type(m).__name__ == "OFPFlowMod"]
        groups = [m for m in sent if type(m).__name__ == "OFPGroupMod"]
        assert stock_of(flows, groups) == Stock(rules)
