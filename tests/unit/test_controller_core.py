"""What the controller does about failures, without sockets: events in, effects out."""

from __future__ import annotations

import pytest

from controller.dataplane import DataPlane
from controller.discovery import frame_of
from controller.effects import Log
from controller.health import Timers
from controller.liveness import PortState
from controller.policies import POLICIES, policy_named
from controller.readback import port_state
from tests.unit.controller_plans import Edge, plan_of
from tests.unit.controller_switches import LONG_S, Bench, delivers
from topologies.problems import InputError

SQUARE = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a")])
ALL = ["fast-reroute", "restoration", "fast-reroute-reoptimise"]
REOPTIMISE = "fast-reroute-reoptimise"


@pytest.mark.parametrize("policy", ALL)
def test_the_network_is_ready_when_all_have_their_rules_and_confirms_its_topology(
    policy: str,
) -> None:
    bench = Bench(SQUARE, policy).start()
    assert bench.names().count("ready") == 1
    assert delivers(bench)
    assert {announce.switch for announce in bench.announced} == {"a", "b", "c", "d"}
    for span in SQUARE.spans:
        for near, far in ((span.a, span.b), (span.b, span.a)):
            frame = frame_of(near.dpid, near.number)
            bench.do(bench.core.link_heard(far.dpid, far.number, frame, bench.now_s))
    bench.run(LONG_S)
    assert bench.logged("topology-confirmed") == [{"spans": 4}]
    assert not {"link-missing", "link-miswired", "span-down"} & set(bench.names())


def test_a_span_that_is_not_live_yet_at_the_start_is_no_failure() -> None:
    bench = Bench(SQUARE, "fast-reroute")
    bench.dead = {span.id for span in SQUARE.spans}
    bench.start()
    assert not {"ready", "span-down"} & set(bench.names())
    for span in SQUARE.spans:
        bench.span(span.id, up=True)
    assert bench.names()[-1] == "ready"


def test_restoration_sends_only_differences_at_once_and_moves_back_after_a_wait() -> None:
    bench = Bench(SQUARE, "restoration").start()
    assert delivers(bench)
    since, sent = len(bench.log), len(bench.sent)
    bench.span("s0", up=False)
    assert bench.names(since)[:3] == ["port-not-live", "span-down", "paths-computed"]
    assert bench.logged("paths-computed", since) == [{"avoided_spans": ["s0"]}]
    assert 0 < sum(send.count for send in bench.sent[sent:]) < 12
    bench.run(0.1)
    assert delivers(bench)
    since = len(bench.log)
    bench.span("s0", up=True)
    assert bench.logged("wait-to-restore", since) == [{"span": "s0", "wait_s": 3.5}]
    bench.run(3.4)
    assert "paths-computed" not in bench.names(since)
    bench.run(0.2)
    assert bench.logged("paths-computed", since) == [{"avoided_spans": []}]
    assert delivers(bench)


def test_a_one_way_fibre_is_a_dead_one() -> None:
    bench = Bench(SQUARE, "restoration").start()
    end = SQUARE.spans[0].b
    bench.do(bench.core.port_reported(end.dpid, end.number, PortState.NOT_HEARD, 0))
    [down] = bench.logged("span-down")
    assert down == {"span": "s0", "seen_by": "b", "how": "bfd"}


def test_fast_reroute_leaves_the_healing_to_the_switches() -> None:
    bench = Bench(SQUARE, "fast-reroute").start()
    sent = len(bench.sent)
    bench.span("s0", up=False, how=PortState.NO_CARRIER)
    bench.run(LONG_S)
    assert delivers(bench)
    bench.span("s0", up=True)
    bench.run(LONG_S)
    assert bench.sent[sent:] == []
    assert [f["how"] for f in bench.logged("port-not-live")] == ["carrier", "carrier"]


def test_after_a_repair_the_network_moves_to_the_best_paths_and_back_in_steps() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    since = len(bench.log)
    bench.span("s0", up=False)
    bench.run(0.05)
    assert "update-begun" not in bench.names(since)  # failures may come together
    bench.span("s2", up=False)
    bench.span("s2", up=True)
    bench.run(LONG_S)
    assert bench.logged("paths-computed", since) == [{"avoided_spans": ["s0"]}]
    steps = [fields["step"] for fields in bench.logged("update-sent", since)]
    assert steps == sorted(steps, key=["prepare", "switch", "clean"].index)
    assert set(steps) == {"prepare", "switch", "clean"}
    direct = DataPlane(SQUARE, bench.held).send(SQUARE.hosts[1], SQUARE.hosts[0])
    assert direct.sites == ("b", "c", "d", "a")
    assert direct.most_labels == 0
    bench.span("s0", up=True)
    bench.run(LONG_S)
    reasons = [fields["reason"] for fields in bench.logged("update-done", since)]
    assert reasons == ["failure", "reversion"]
    assert bench.held == Bench(SQUARE, REOPTIMISE).start().held


def test_old_rules_stay_until_the_packets_that_need_them_are_through() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    since = len(bench.log)
    bench.span("s0", up=False)
    bench.run(0.2)
    [switched] = bench.logged("update-switched", since)
    slowest_s = sum(span.delay_us / 1e6 + span.buffer_ms / 1e3 for span in SQUARE.spans[1:])
    assert switched["drain_s"] > slowest_s
    bench.run(switched["drain_s"] - 0.2)
    assert "update-done" not in bench.names(since)
    bench.run(0.3)
    assert "update-done" in bench.names(since)


def test_a_flapping_span_is_damped_and_trusted_again_in_the_end() -> None:
    bench = Bench(SQUARE, REOPTIMISE, timers=Timers(hold_off_s=0.1)).start()
    since = len(bench.log)
    for _ in range(4):
        bench.span("s0", up=False)
        bench.run(0.01)
        bench.span("s0", up=True)
        bench.run(0.01)
    [first, *_] = bench.logged("span-damped", since)
    assert first["wait_s"] > 5
    bench.run(3.0)
    # All the flapping was one move; nothing led back meanwhile.
    assert len(bench.logged("update-begun", since)) == 1
    bench.run(30.0)
    assert bench.logged("span-trusted", since) == [{"span": "s0"}]
    assert bench.logged("update-done", since)[-1]["reason"] == "reversion"


def test_spans_that_come_back_one_after_the_other_are_one_move() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    bench.span("s0", up=False)
    bench.span("s1", up=False)
    bench.run(LONG_S)
    since = len(bench.log)
    bench.span("s0", up=True)
    bench.run(0.8)
    bench.span("s1", up=True)
    bench.run(LONG_S)
    assert bench.logged("paths-computed", since) == [{"avoided_spans": []}]


def test_a_partition_is_told_with_the_switches_on_each_side_and_its_end() -> None:
    bench = Bench(SQUARE, REOPTIMISE).start()
    since = len(bench.log)
    bench.span("s0", up=False)
    bench.span("s2", up=False)
    bench.run(LONG_S)
    assert bench.logged("partitioned", since) == [{"parts": [["a", "d"], ["b", "c"]]}]
    bench.span("s0", up=True)
    assert bench.logged("partition-over", since) == [{}]
    bench.run(LONG_S)
    assert delivers(bench)


def test_a_failed_switch_holds_nothing_up() -> None:
    triangle = plan_of([*(Edge(*pair) for pair in ("ab", "bc", "ca")), Edge("c", "d")])
    bench = Bench(triangle, REOPTIMISE).start()
    since = len(bench.log)
    bench.slow.add("b")
    bench.span("s0", up=False)
    bench.span("s1", up=False)
    bench.run(0.2)
    bench.disconnect("b")
    bench.run(LONG_S)
    assert bench.logged("partitioned", since) == [{"parts": [["a", "c", "d"], ["b"]]}]
    assert bench.logged("update-done", since)[-1]["reason"] == "failure"


def test_an_unknown_switch_is_told_and_left_alone() -> None:
    bench = Bench(SQUARE, "fast-reroute").start()
    since = len(bench.log)
    bench.do(bench.core.switch_connected(77, {1: PortState.LIVE}, 0))
    assert bench.log[since:] == [Log("unknown-switch", {"dpid": 77}, warning=True)]
    assert list(bench.core.port_reported(77, 1, PortState.LIVE, 0)) == []


def test_what_is_wired_otherwise_than_planned_is_told() -> None:
    bench = Bench(SQUARE, "fast-reroute").start()
    a, b = SQUARE.spans[0].a, SQUARE.spans[0].b
    c = SQUARE.spans[1].b
    bench.do(bench.core.link_heard(b.dpid, b.number, frame_of(c.dpid, c.number), 0))
    bench.do(bench.core.link_heard(b.dpid, 9, frame_of(a.dpid, 8), 0))
    bench.do(bench.core.link_heard(a.dpid, a.number, b"nonsense", 0))
    [wrong] = bench.logged("link-miswired")
    assert wrong["expected"] == f"a port {a.number}"
    assert wrong["found"] == f"c port {c.number}"
    assert bench.logged("link-extra")[0]["found"] == "a port 8"
    bench.run(LONG_S)
    silent = {(f["switch"], f["port"]) for f in bench.logged("link-missing")}
    assert (a.switch, a.number) in silent
    ports = bench.ports(SQUARE.switches[2])
    del ports[c.number]
    bench.do(bench.core.switch_connected(3, {**ports, 12: PortState.LIVE}, bench.now_s))
    assert bench.logged("port-missing") == [{"switch": "c", "port": c.number}]
    assert bench.logged("port-extra") == [{"switch": "c", "port": 12}]


def test_what_cannot_be_protected_is_told_at_the_start() -> None:
    bridge = plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("c", "d")])
    told = Bench(bridge, "fast-reroute").start().logged("unprotected")
    assert {"switch": "c", "span": "s3", "destinations": ["d"], "protection": "none"} in told


class _Port:
    def __init__(self, state: int, config: int = 0) -> None:
        self.state, self.config = state, config


@pytest.mark.parametrize(
    ("state", "config", "is_"),
    [(4, 0, "live"), (0, 0, "bfd"), (5, 0, "carrier"), (4, 1, "administrative")],
)
def test_a_port_is_live_if_bfd_carrier_and_configuration_say_so(
    state: int, config: int, is_: str
) -> None:
    assert port_state(_Port(state, config)) == is_


def test_policies_are_chosen_by_name() -> None:
    assert set(ALL) <= set(POLICIES)
    assert policy_named("fast-reroute", "link").protection == "link"
    for name, protection, word in (
        ("fast-rerute", None, "did you mean 'fast-reroute'"),
        ("fast-reroute", "site", "unknown protection 'site'"),
        ("restoration", "link", "leave it out"),
    ):
        with pytest.raises(InputError, match=word):
            policy_named(name, protection)
