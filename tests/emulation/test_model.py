"""The model of the data plane against Open vSwitch: each packet's way, hop by hop, is the same."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from controller.dataplane import DataPlane, Outcome
from controller.desired import Designer
from controller.naming import named_rules
from controller.policies import policy_named
from controller.rules import SwitchRules
from controller.update import Step, steps_between
from tests.emulation.controlled_networks import Event, Hosts, SpanWatch, controlled, set_carrier
from tests.emulation.sample_networks import THREE_LABELS, ai_backbone, small
from tests.unit.controller_plans import one_host_per_switch, single_failures
from topologies.plan import NetworkPlan, PlannedHost

_ON_THE_WAY_S = 0.2  # more than any way through these networks takes
_DOUBLES = 6
_SLOW_CONTROL_US = 800_000
# Open vSwitch may forward by what has been until it has looked around.
_CACHED_S = 0.05
OPTIONS = ("--hold-off-s", "0.05", "--start-up-s", "30")

HostPair = tuple[PlannedHost, PlannedHost]


def node_failures(plan: NetworkPlan) -> list[frozenset[str]]:
    return [
        frozenset(s.id for s in plan.spans if switch.name in (s.a.switch, s.b.switch))
        for switch in plan.switches
    ]


def double_failures(plan: NetworkPlan) -> list[frozenset[str]]:
    pairs = list(itertools.combinations([span.id for span in plan.spans], 2))
    return [frozenset(pair) for pair in random.Random(1).sample(pairs, _DOUBLES)]


def hit(plan: NetworkPlan, plane: DataPlane, failed: frozenset[str]) -> list[HostPair]:
    """The pairs whose way, while nothing has failed, leads over what fails."""
    return [pair for pair in all_pairs(plan) if failed & set(plane.send(*pair).spans)]


def all_pairs(plan: NetworkPlan) -> Iterator[HostPair]:
    return itertools.permutations(one_host_per_switch(plan), 2)


def taken_by_all_but(slow: str, step: Step, since: int) -> Callable[[list[Event]], bool]:
    """Whether all others have acknowledged a step."""

    def holds(events: list[Event]) -> bool:
        of_step = [e for e in events[since:] if e.get("step") == step]
        asked, done = (
            {e["switch"] for e in of_step if e["event"] == name}
            for name in ("update-sent", "update-installed")
        )
        return slow in asked and asked - done == {slow}

    return holds


class Ways:
    """Sends packets and compares the ways that they take with the model's."""

    def __init__(self, hosts: Hosts, watch: SpanWatch) -> None:
        self._hosts, self._watch = hosts, watch
        self.depths: set[int] = set()
        """Of the label stacks of those that were delivered."""
        self.dropped = 0

    def are_those_of(
        self, plane: DataPlane, failed: frozenset[str], pairs: Iterable[HostPair]
    ) -> None:
        """Of one packet for each pair."""
        time.sleep(_CACHED_S)
        self._watch.ways()
        expected, delivered = {}, set()
        for source, target in pairs:
            trace = plane.send(source, target, failed)
            self._hosts.send(source, target, b"?")
            if trace.spans:
                way = list(zip(trace.spans, trace.stacks, strict=True))
                expected[source.ip, target.ip] = way
            if trace.outcome is Outcome.DELIVERED:
                delivered.add((source.ip, target.ip))
                self.depths.add(trace.most_labels)
            else:
                self.dropped += 1
        time.sleep(_ON_THE_WAY_S)
        assert self._watch.ways() == expected, sorted(failed)
        came = {
            (ip, host.ip)
            for host in self._hosts.by_switch.values()
            for ip, _ in self._hosts.received(host)
        }
        assert came == delivered, sorted(failed)


@pytest.mark.parametrize(
    ("plan", "protection", "depths"),
    [
        (ai_backbone(), "node-and-conduit", {0, 1}),
        (small(THREE_LABELS), "node-and-conduit", {0, 1, 2, 3}),
        (small(THREE_LABELS), "conduit", {0, 1, 2, 3}),
        (small(THREE_LABELS), "node", {0, 1, 2}),
        (small(THREE_LABELS), "link", {0, 1}),
    ],
    ids=["ai", "all", "conduit", "node", "link"],
)
def test_spans_conduits_nodes_and_two_spans_fail(
    plan: NetworkPlan, protection: str, depths: set[int], tmp_path: Path
) -> None:
    policy = policy_named("fast-reroute", protection)
    plane = DataPlane(plan, Designer(plan).desired(policy).rules)
    spans = {span.id: span for span in plan.spans}
    failures = [*single_failures(plan), *node_failures(plan), *double_failures(plan)]
    options = ("--protection", protection)
    with controlled(plan, "fast-reroute", tmp_path, options=options) as running:
        ways = Ways(Hosts(running.network, plan), SpanWatch(plan))
        for failed in failures:
            cut = [spans[name] for name in failed]
            set_carrier(cut, up=False)
            running.wait_for_ends(cut, live=False)
            ways.are_those_of(plane, failed, hit(plan, plane, failed))
            set_carrier(cut, up=True)
            running.wait_for_ends(cut, live=True)
    assert ways.depths == depths
    assert ways.dropped > 0  # a node's own hosts at least


def test_an_update_stands_still_in_the_middle_and_another_span_fails(tmp_path: Path) -> None:
    """One switch hears of each step later than all others."""
    plan = small(THREE_LABELS)
    slow, first, second = "n3", frozenset({"s5"}), frozenset({"s6"})
    plan = plan.model_copy(
        update={
            "switches": tuple(
                s.model_copy(update={"control_delay_us": _SLOW_CONTROL_US}) if s.name == slow else s
                for s in plan.switches
            )
        }
    )
    designer, policy = Designer(plan), policy_named("fast-reroute-reoptimise")
    before = named_rules(plan, designer.desired(policy).rules, {})
    after = named_rules(plan, designer.desired(policy, first).rules, before)
    spans = {span.id: span for span in plan.spans}
    held: Mapping[str, SwitchRules] = before
    with controlled(plan, policy.name, tmp_path, options=OPTIONS) as running:
        since = len(running.events)
        ways = Ways(Hosts(running.network, plan), SpanWatch(plan))
        set_carrier([spans[name] for name in first], up=False)
        failed = first
        for step in Step:
            running.wait_for(taken_by_all_but(slow, step, since))
            taken = {name: steps_between(before[name], after[name])[step] for name in before}
            assert taken[slow] != held[slow]
            mixed = {**taken, slow: held[slow]}
            ways.are_those_of(DataPlane(plan, mixed), failed, all_pairs(plan))
            if step is Step.SWITCH:
                set_carrier([spans[name] for name in second], up=False)
                failed = first | second
                ways.are_those_of(DataPlane(plan, mixed), failed, all_pairs(plan))
            held = taken
        running.wait_for(lambda events: any(e["event"] == "update-done" for e in events[since:]))
    assert ways.depths == {0, 1, 2, 3}
