"""The controller against Open vSwitch: cuts heal in time, and a new controller takes over."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulation.controlled_networks import (
    Controlled,
    Hosts,
    controlled,
    cut_silently,
    mend,
    set_carrier,
)
from tests.emulation.probing import PROBE, RATE_PPS, SETTLE_S
from tests.emulation.sample_networks import DIAMOND, small
from topologies.build import BfdTimers


def outage_ms(running: Controlled, source: str, target: str, cut: list[str]) -> float:
    """Cut silently under a probe; the time of the missing packets. Mends it again."""
    plan = running.plan
    spans = [span for span in plan.spans if span.id in cut]
    hosts = Hosts(running.network, plan)
    sender, receiver = hosts.by_switch[source], hosts.by_switch[target]
    command = [sys.executable, "-c", PROBE, receiver.ip, str(RATE_PPS), str(10**9 // RATE_PPS)]
    probe: subprocess.Popen[bytes] = running.network.get(sender.name).popen(command)
    time.sleep(0.3)
    cut_silently(spans)
    assert probe.wait() == 0
    time.sleep(SETTLE_S)
    numbers = [int(payload) for _, payload in hosts.received(receiver)]
    hosts.close()
    missing = sorted(set(range(RATE_PPS)) - set(numbers))
    assert len(set(numbers)) == len(numbers)
    # One outage, and the probe saw its beginning and its end.
    assert missing
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert 0 < missing[0] < missing[-1] < RATE_PPS - 1
    running.wait_for_ends(spans, live=False)
    mend(spans)
    running.wait_for_ends(spans, live=True)
    return len(missing) * 1000 / RATE_PPS


@pytest.mark.parametrize("interval_ms", [10, 1])
def test_a_silent_cut_heals_within_detection_and_propagation(
    interval_ms: int, tmp_path: Path
) -> None:
    plan = small(DIAMOND)
    with controlled(plan, "fast-reroute", tmp_path, BfdTimers(interval_ms, 3)) as running:
        out_ms = outage_ms(running, "west", "east", ["s0"])
    print(f"BFD {interval_ms} ms x 3: {out_ms} ms")
    assert out_ms <= 3 * interval_ms + plan.spans[0].delay_us / 1000 + 1
    assert out_ms > 2 * interval_ms


def test_restoration_heals_too_but_later(tmp_path: Path) -> None:
    plan = small(DIAMOND)
    bfd = BfdTimers(10, 3)
    (tmp_path / "fast").mkdir()
    with controlled(plan, "fast-reroute", tmp_path / "fast", bfd) as running:
        fast_ms = outage_ms(running, "west", "east", ["s1"])
    with controlled(plan, "restoration", tmp_path, bfd) as running:
        slow_ms = outage_ms(running, "west", "east", ["s1"])
        names = [event["event"] for event in running.events]
    print(f"fast reroute {fast_ms} ms, restoration {slow_ms} ms")
    assert slow_ms > fast_ms
    down = names.index("span-down")
    assert {"paths-computed", "update-sent", "update-installed"} <= set(names[down:])
    assert "span-up" in names[down:]


@pytest.fixture
def diamond(tmp_path: Path) -> Iterator[Controlled]:
    with controlled(small(DIAMOND), "fast-reroute", tmp_path) as running:
        yield running


def test_a_new_controller_takes_over_without_loss_and_clears_leftovers(
    diamond: Controlled,
) -> None:
    stray = ["table=1,priority=900,ip,nw_dst=10.9.9.9,actions=drop", "table=9,tcp,actions=drop"]
    for flow in stray:
        _ofctl("add-flow", "north", flow)
    _ofctl("add-group", "north", "group_id=12345,type=indirect,bucket=output:1")
    hosts = Hosts(diamond.network, diamond.plan)
    west, east = hosts.by_switch["west"], hosts.by_switch["east"]
    command = [sys.executable, "-c", PROBE, east.ip, "5000", str(10**6)]
    probe = diamond.network.get(west.name).popen(command)
    diamond.process.kill()
    diamond.process.wait()
    diamond.start()
    assert probe.wait() == 0
    time.sleep(SETTLE_S)
    assert len(hosts.received(east)) == 5000
    hosts.close()
    taken = {e["switch"]: e for e in diamond.events if e["event"] == "stock-taken"}
    for name, found in taken.items():
        assert (found["wrong"], found["missing"], found["extra"]) == (
            (0, 0, 3) if name == "north" else (0, 0, 0)
        )
    sent = [e for e in diamond.events if e["event"] in ("rules-sent", "foreign-removed")]
    assert {e["switch"] for e in sent} == {"north"}
    assert "10.9.9.9" not in _ofctl("dump-flows", "north")
    assert "12345" not in _ofctl("dump-groups", "north")


def test_a_stranger_and_a_lost_switch_do_not_disturb_the_others(diamond: Controlled) -> None:
    address = diamond.plan.switches[0].controller_address
    target = f"tcp:{address}:6653"
    stranger = ["--", "set", "bridge", "stranger", "protocols=OpenFlow13"]
    subprocess.run(
        ["ovs-vsctl", "add-br", "stranger", *stranger, "--", "set-controller", "stranger", target],
        check=True,
    )
    diamond.wait_for(lambda events: any(e["event"] == "unknown-switch" for e in events))
    subprocess.run(["ovs-vsctl", "del-br", "stranger"], check=True)
    # Open vSwitch drops all flows when its last controller is taken away, but not for a dead one.
    subprocess.run(["ovs-vsctl", "set-controller", "south", "tcp:127.0.0.1:1"], check=True)
    diamond.wait_for(lambda events: any(e["event"] == "switch-disconnected" for e in events))
    cut = [diamond.plan.spans[0]]
    set_carrier(cut, up=False)
    diamond.wait_for(lambda events: any(e["event"] == "span-down" for e in events))
    hosts = Hosts(diamond.network, diamond.plan)
    hosts.send(hosts.by_switch["west"], hosts.by_switch["east"], b"!")
    time.sleep(SETTLE_S)
    assert [payload for _, payload in hosts.received(hosts.by_switch["east"])] == [b"!"]
    hosts.close()


def _ofctl(command: str, bridge: str, *arguments: str) -> str:
    return subprocess.run(
        ["ovs-ofctl", "-O", "OpenFlow13", command, bridge, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
