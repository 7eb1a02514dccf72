"""Switches, messages and wires that are not as they should be: told, and the rest is healed."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulation.controlled_networks import Controlled, Event, controlled, cut_silently, mend
from tests.emulation.diamonds import (
    BFD,
    POLICY,
    QUICK,
    controller_of,
    lost_at,
    repaired,
    running_diamond,
    seen,
)
from tests.emulation.group_refuser import PORT, GroupRefuser
from tests.emulation.sample_networks import DIAMOND, small
from tests.unit.controller_plans import Edge
from topologies.plan import NetworkPlan

CHORDED = [*DIAMOND, Edge("west", "east", 1500)]


@pytest.fixture
def diamond(tmp_path: Path) -> Iterator[Controlled]:
    with running_diamond(tmp_path) as running:
        yield running


def test_strangers_and_nonsense_are_told_and_the_rest_is_healed(diamond: Controlled) -> None:
    node = diamond.network["controller"]
    hello = struct.pack("!BBHI", 4, 0, 8, 1)
    features = struct.pack("!BBHIQIBB2xII", 4, 6, 32, 2, 1, 0, 254, 0, 0, 0)
    port_description = struct.pack("!BBHIHH4x", 4, 19, 16, 3, 13, 0)
    broken = struct.pack("!BBHI", 4, 12, 10, 9) + b"\x00\x01"
    with node.namespace.entered():
        ends = [socket.create_connection(("127.0.0.1", 6653)) for _ in range(2)]
    ends[0].sendall(hello + features + port_description)  # says that it is switch 1
    diamond.wait_for(seen("duplicate-switch", switch="west"))
    ends[1].sendall(hello + broken)
    diamond.wait_for(seen("malformed-message"))
    ends[1].sendall(b"GET / HTTP/1.1\r\n\r\n")
    for end in ends:
        end.close()
    subprocess.run(
        ["ovs-ofctl", "-O", "OpenFlow13", "mod-port", "north", "s2-eth2", "down"], check=False
    )
    diamond.wait_for(seen("port-not-live", switch="north", how="administrative"))
    diamond.wait_for(seen("update-done", reason="failure"))
    assert lost_at(diamond, lambda: None) == []


def test_a_rule_that_is_refused_is_told_and_the_network_stays_as_it_was(
    diamond: Controlled,
) -> None:
    # A table that is full refuses every further flow.
    limit = ["--", "--id=@t", "create", "Flow_Table", "flow_limit=1", "overflow_policy=refuse"]
    subprocess.run(
        ["ovs-vsctl", *limit, "--", "set", "Bridge", "south", "flow_tables:2=@t"], check=True
    )
    cut = [diamond.plan.spans[0]]

    def fail() -> None:
        cut_silently(cut)
        diamond.wait_for(seen("update-taken-back", switch="south"))

    assert repaired(lost_at(diamond, fail), diamond)
    [refused, *_] = [e for e in diamond.events if e["event"] == "switch-error"]
    assert refused["switch"] == "south"
    assert "Flow" in refused["refused"]
    diamond.may_refuse = True
    mend(cut)


def test_a_group_that_is_refused_is_told_and_the_network_stays_as_it_was(tmp_path: Path) -> None:
    with controlled(small(CHORDED), POLICY, tmp_path, BFD, QUICK) as running:
        target, since = controller_of("south"), len(running.events)
        GroupRefuser(running.network["controller"])
        beside = target.rpartition(":")[0] + f":{PORT}"
        subprocess.run(["ovs-vsctl", "set-controller", "south", beside], check=True)
        running.wait_for(lambda events: seen("stock-taken", switch="south")(events[since:]))
        running.may_refuse = True
        cut = [running.plan.spans[0]]

        def fail() -> None:
            cut_silently(cut)
            running.wait_for(seen("update-taken-back", switch="south"))

        assert repaired(lost_at(running, fail, ("west", "north")), running)
        [refused, *_] = [e for e in running.events if e["event"] == "switch-error"]
        assert (refused["switch"], refused["type"]) == ("south", 6)  # group modification failed
        assert "PutGroup" in refused["refused"]

        def take_rules_again() -> None:
            subprocess.run(["ovs-vsctl", "set-controller", "south", target], check=True)
            running.wait_for(seen("update-done", reason="failure"))

        assert lost_at(running, take_rules_again, ("west", "north")) == []
        mend(cut)


def test_what_is_wired_wrongly_is_told_and_the_rest_is_healed(tmp_path: Path) -> None:
    plan = small(CHORDED)
    # The file has the two northern spans the other way round.
    s0, s1 = plan.spans[0], plan.spans[1]
    crossed = (
        s0.model_copy(update={"b": s1.a}),
        s1.model_copy(update={"a": s0.b}),
        *plan.spans[2:],
    )
    wrong = plan.model_copy(update={"spans": crossed})
    with controlled(plan, POLICY, tmp_path, BFD, QUICK, told=wrong) as running:
        for port in (s0.b.number, s1.a.number):
            running.wait_for(seen("link-miswired", switch="north", port=port))
        cut = [span for span in plan.spans if span.id == "s2"]
        gaps = lost_at(running, lambda: cut_silently(cut), ("west", "south"))
        assert repaired(gaps, running, "s2")


def test_what_is_missing_and_what_is_too_much_is_told_and_the_rest_is_healed(
    tmp_path: Path,
) -> None:
    everything = small([*DIAMOND, Edge("north", "south", 900), Edge("east", "lost", 500)])
    built = _without(everything, span="s5", switch="lost")
    told = _without(everything, span="s4")
    with controlled(built, POLICY, tmp_path, BFD, QUICK, told=told, ready=_settled) as running:
        running.wait_for(seen("link-extra", switch="north"))
        running.wait_for(seen("link-extra", switch="south"))
        s4, s5 = everything.spans[4], everything.spans[5]
        for end in (s4.a, s4.b):
            assert seen("port-extra", switch=end.switch, port=end.number)(running.events)
        assert seen("port-missing", switch="east", port=s5.a.number)(running.events)
        assert seen("switches-missing", switches=["lost"])(running.events)
        assert seen("span-down", span="s5", how="never live")(running.events)
        cut = [span for span in built.spans if span.id == "s0"]
        assert repaired(lost_at(running, lambda: cut_silently(cut)), running)
        running.wait_for(seen("update-done", reason="failure"))


def _settled(events: list[Event]) -> bool:
    """The start-up time is over, and the rules for what there is are there."""
    names = [event["event"] for event in events]
    if "switches-missing" not in names:
        return False
    after = names[names.index("switches-missing") :]
    return "update-done" in after and after.count("update-begun") == after.count("update-done")


def _without(plan: NetworkPlan, span: str, switch: str = "") -> NetworkPlan:
    return plan.model_copy(
        update={
            "spans": tuple(s for s in plan.spans if s.id != span),
            "switches": tuple(s for s in plan.switches if s.name != switch),
            "hosts": tuple(h for h in plan.hosts if h.port.switch != switch),
        }
    )
