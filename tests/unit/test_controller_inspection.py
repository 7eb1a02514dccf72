"""What a running controller answers, and that it reads from switches what it writes to them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from controller.ask import QUESTIONS as ASKED
from controller.changes import Barrier, Stock, changes_between
from controller.events import EventLog
from controller.inspection import QUESTIONS, Subject, UnknownError, answer, respond
from controller.openflow import messages
from controller.readback import stock_of
from controller.rules import SwitchRules
from experiments import controller_tables
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


def test_coverage_is_that_of_the_rules_in_force(bench: Bench) -> None:
    whole = ask(bench, "coverage")
    assert (whole["pairs"], whole["delivered"]) == (12, 12)
    assert set(whole["if_it_fails"]) == {"s0", "s1", "s2", "s3"}
    assert all(counts["pairs"] == counts["delivered"] for counts in whole["if_it_fails"].values())
    bench.span("s0", up=False)
    bench.run(10)
    # A line is left: whatever fails next separates somebody.
    line = ask(bench, "coverage")
    assert (line["pairs"], line["delivered"]) == (12, 12)
    assert set(line["if_it_fails"]) == {"s1", "s2", "s3"}
    assert line["if_it_fails"]["s2"] == {"pairs": 8, "delivered": 0}


def test_the_last_events_are_told(bench: Bench, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    with EventLog(log, clock_ns=lambda: 7) as events:
        for number in range(30):
            events.write("ready", {"number": number})
    subject = Subject(bench.core, log)
    assert [e["number"] for e in answer(subject, "events", {})["events"]] == list(range(10, 30))
    assert answer(subject, "events", {"last": "1"})["events"] == [
        {"t_ns": 7, "event": "ready", "number": 29}
    ]
    with pytest.raises(UnknownError, match="not 'x'"):
        answer(subject, "events", {"last": "x"})


def test_all_questions_can_be_asked_and_shown(bench: Bench, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    with EventLog(log) as events:
        for entry in bench.log:
            events.write(entry.event, entry.fields)
    assert tuple(QUESTIONS) == ASKED
    bench.span("s0", up=False)
    said = {}
    for question in QUESTIONS:
        query = {"from": "a", "to": "c"} if question in ("paths", "protection") else {}
        console = Console(record=True, width=120, file=io.StringIO())
        getattr(controller_tables, question)(
            answer(Subject(bench.core, log), question, query), console
        )
        said[question] = console.export_text()
    assert "4 of 4 switches connected" in said["topology"]
    assert "delivered: a → d → c" in said["paths"]
    assert "dropped (sent into the failed span s2): a → d" in said["protection"]
    assert "12 of 12 pairs" in said["coverage"]
    assert "reason start" in said["events"]
    assert "1 updates" in said["counters"]
