"""Moves to the best paths and back, in Open vSwitch: nothing is lost, doubled or looped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.emulation.controlled_networks import (
    Controlled,
    Event,
    Hosts,
    controlled,
    cut_silently,
    mend,
    set_carrier,
)
from tests.emulation.probing import RATE_PPS, Probe, holes
from tests.emulation.sample_networks import ai_backbone
from topologies.build import BfdTimers
from topologies.plan import PlannedSpan

POLICY = "fast-reroute-reoptimise"
# Only what is cut needs fast BFD; on all 30 spans it is most of what the network costs.
FAST, SLOW = BfdTimers(10, 3), BfdTimers(100, 3)
CUT = ("quincy-chicago", "newyork-london", "newyork-dublin")
QUICK = ("--hold-off-s", "0.1", "--wait-to-restore-s", "0.3")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controlled]:
    folder = tmp_path_factory.mktemp("backbone")
    options, plan = (*QUICK, "--inspect-port", "8080"), ai_backbone()
    bfd = {span.id: FAST if span.id in CUT else SLOW for span in plan.spans}
    with controlled(plan, POLICY, folder, bfd, options) as running:
        yield running


def spans_of(running: Controlled, *names: str) -> list[PlannedSpan]:
    return [span for span in running.plan.spans if span.id in names]


def done(reason: str, since: int) -> Callable[[list[Event]], bool]:
    return lambda events: any(
        e["event"] == "update-done" and e["reason"] == reason for e in events[since:]
    )


def used_again(spans: set[str], since: int) -> Callable[[list[Event]], bool]:
    """Whether paths have moved back to all these spans."""

    def holds(events: list[Event]) -> bool:
        rest = iter(events[since:])
        waiting = set(spans)
        while waiting:
            trusted = next((e for e in rest if e["event"] == "span-trusted"), None)
            if trusted is None:
                return False
            waiting.discard(trusted["span"])
        # The end of a move that was under way when the last one was trusted is not enough.
        moves = [e["event"] for e in rest if e["event"] in ("update-begun", "update-done")]
        return "update-begun" in moves and moves[-1] == "update-done"

    return holds


def switched(since: int) -> Callable[[list[Event]], bool]:
    return lambda events: any(e["event"] == "update-switched" for e in events[since:])


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "carrier"])
def test_after_the_repair_no_packet_is_lost_on_the_way_to_the_best_paths_and_back(
    backbone: Controlled, silent: bool
) -> None:
    [cut] = spans_of(backbone, "quincy-chicago")
    hosts, since = Hosts(backbone.network, backbone.plan), len(backbone.events)
    probes = [
        Probe(backbone.network, hosts, *ends) for ends in (("quincy", "lulea"), ("lulea", "quincy"))
    ]
    time.sleep(0.3)
    (cut_silently if silent else lambda spans: set_carrier(spans, up=False))([cut])
    backbone.wait_for(switched(since))
    away = backbone.events
    (mend if silent else lambda spans: set_carrier(spans, up=True))([cut])
    backbone.wait_for(switched(len(away)))
    time.sleep(0.1)
    for probe in probes:
        came = probe.end()
        assert len(set(came)) == len(came)
        [(_, lost)] = holes(came)  # a single gap: the failure itself
        detection_ms = 30 if silent else 0
        assert lost * 1000 / RATE_PPS <= detection_ms + cut.delay_us / 1000 + 1
    hosts.close()
    backbone.wait_for(done("reversion", since))
    began = next(e for e in away[since:] if e["event"] == "update-begun")
    assert began["switches"] < len(backbone.plan.switches)


def test_the_path_after_the_move_is_the_shortest_that_is_left(backbone: Controlled) -> None:
    cut, since = spans_of(backbone, "newyork-london", "newyork-dublin"), len(backbone.events)
    before = ask(backbone, "paths", "newyork", "london")
    assert before["path"]["spans"][0] in {span.id for span in cut}
    set_carrier(cut, up=False)
    backbone.wait_for(done("failure", since))
    computed = [e for e in backbone.events[since:] if e["event"] == "paths-computed"]
    assert len(computed) == 1  # the conduit's two spans are one computation
    after = ask(backbone, "paths", "newyork", "london")
    assert after["path"]["spans"] == ["newyork-ashburn", "ashburn-amsterdam", "london-amsterdam"]
    assert "labels" not in after["path"]
    repaired = ask(backbone, "protection", "newyork", "london")["if_it_fails"]
    assert repaired["london-amsterdam"]["outcome"] == "delivered"
    set_carrier(cut, up=True)
    # BFD comes up on one span and then on the other: there may be two moves back.
    backbone.wait_for(used_again({span.id for span in cut}, since))
    assert ask(backbone, "paths", "newyork", "london") == before
    assert ask(backbone, "pending")["idle"] is True


def ask(running: Controlled, *question: str) -> Any:
    node = running.network["controller"]
    command = [sys.executable, "-m", "controller.ask", *question]
    said, complaint, status = node.pexec(command)
    assert status == 0, complaint
    return json.loads(said)


def events_named(running: Controlled, name: str) -> list[Event]:
    return [event for event in running.events if event["event"] == name]
