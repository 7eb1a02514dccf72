"""What the builder makes: the plan, as objects that Mininet knows."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulation.built_networks import (
    connect,
    eventually,
    left_over,
    lines,
    two_sites,
)
from topologies.build import BfdTimers, build_network
from topologies.builder.daemon import daemon_pid
from topologies.builder.processes import end_process
from topologies.load import load_topology
from topologies.plan import GATEWAY_MAC, HOST_MTU, SPAN_MTU, make_plan


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = left_over()
    yield
    assert left_over() == before


def test_ai_backbone_has_every_site_span_and_host() -> None:
    plan = make_plan(load_topology("ai-backbone"), scale=10_000)
    with build_network(plan, bfd=BfdTimers(interval_ms=10, multiplier=3)) as network:
        assert {switch.name for switch in network.switches} == {s.name for s in plan.switches}
        assert len(network.links) == len(plan.spans) + len(plan.hosts)
        for host in plan.hosts:
            assert network.get(host.name).IP() == host.ip
            assert network.get(host.name).MAC() == host.mac
        timers = '{enable="true", min_rx="10", min_tx="10", mult="3"}'
        for span in plan.spans:
            for port in (span.a, span.b):
                assert _settings(port.interface) == [str(port.number), timers]
        for host in plan.hosts:
            assert _settings(host.port.interface) == [str(host.port.number), "{}"]


def _settings(interface: str) -> list[str]:
    return lines("ovs-vsctl", "get", "interface", interface, "ofport", "bfd")


def test_bridges_are_set_up_for_the_controller_of_the_plan() -> None:
    plan = two_sites()
    with build_network(plan):
        for switch in plan.switches:
            assert lines("ovs-vsctl", "get-fail-mode", switch.name) == ["secure"]
            assert lines("ovs-vsctl", "get-controller", switch.name) == [
                f"tcp:{switch.controller_address}:6653"
            ]
            [dpid] = lines("ovs-vsctl", "get", "bridge", switch.name, "datapath_id")
            assert int(dpid.strip('"'), 16) == switch.dpid
            [protocols] = lines("ovs-vsctl", "get", "bridge", switch.name, "protocols")
            assert protocols == "[OpenFlow13]"


def test_host_has_its_address_and_a_gateway_that_needs_no_arp() -> None:
    plan = two_sites()
    with build_network(plan) as network:
        west = network.get("west-host1")
        assert "inet 10.0.1.1/32" in west.cmd("ip -4 addr show dev eth0")
        assert "default via 169.254.1.1 dev eth0" in west.cmd("ip route")
        assert f"{GATEWAY_MAC} PERMANENT" in west.cmd("ip neigh")
        assert "inet6" not in west.cmd("ip addr")
        assert f"mtu {HOST_MTU} " in west.cmd("ip link show dev eth0")
        assert "LOOPBACK,UP" in west.cmd("ip link show dev lo")
        span = " ".join(lines("ip", "addr", "show", "dev", plan.spans[0].a.interface))
        assert f"mtu {SPAN_MTU} " in span
        assert "inet6" not in span


def test_switches_reach_a_controller_that_listens_in_its_namespace() -> None:
    plan = two_sites()
    with build_network(plan) as network:
        with network.get("controller").namespace.entered():
            listening = socket.create_server(("0.0.0.0", 6653))
        listening.settimeout(10)
        seen = {listening.accept()[1][0] for _ in plan.switches}
        listening.close()
    assert seen == {switch.control_address for switch in plan.switches}


def test_shells_start_only_when_used() -> None:
    with build_network(two_sites()) as network:
        west, east = network.get("west-host1", "east-host1")
        assert west.popen("cat /proc/net/dev").communicate()[0].count(b"eth0") == 1
        assert not west.shell_started
        assert west.cmd("echo $((6 * 7))").strip() == "42"
        assert west.shell_started
        assert not east.shell_started
        assert Path(f"/proc/{east.pid}/ns/net").stat().st_ino == east.namespace.inode


def test_switch_stops_and_starts_again() -> None:
    plan = two_sites()
    with build_network(plan) as network:
        west = network.get("west")
        west.stop(deleteIntfs=False)
        assert lines("ovs-vsctl", "list-br") == ["east"]
        west.start(network.controllers)
        connect(plan)
        assert network.pingAll() == 0.0


def test_planned_things_can_be_deleted() -> None:
    plan = two_sites()
    with build_network(plan) as network:
        [span] = network.linksBetween(network["west"], network["east"])
        network.delLink(span)
        host = network["east-host1"]
        sleeper = host.popen(["sleep", "1000"])
        network.delHost(host)
        assert sleeper.wait() != 0
        assert lines("ovs-vsctl", "list-ports", "west") == ["s1-eth1"]
        assert lines("ovs-vsctl", "list-ports", "east") == []
        assert not {"s1-eth2", "s2-eth1", "s2-eth2"} & set(left_over()["interfaces"])
        network.delSwitch(network["east"])
        assert lines("ovs-vsctl", "list-br") == ["west"]


def test_added_switch_and_link_end_with_the_network() -> None:
    before = left_over()
    with build_network(two_sites()) as network:
        switch = network.addSwitch("s99", failMode="standalone")
        network.addLink(switch, "west")
        switch.start([])
        assert "s99" in lines("ovs-vsctl", "list-br")
        network["west"].stop(deleteIntfs=False)
        network["west"].start(network.controllers)
        assert "west-eth3" in lines("ovs-vsctl", "list-ports", "west")
    assert left_over() == before


def test_a_daemon_that_was_ended_with_many_bridges_runs_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = left_over()
    plan = make_plan(load_topology("ring:40"), scale=10_000)
    first = daemon_pid()
    builder = os.fork()
    if not builder:

        def kill_both(pid: int) -> None:
            end_process(pid)
            os.kill(os.getpid(), signal.SIGKILL)

        try:
            with build_network(plan):
                # The guard was forked before and does not do the same.
                monkeypatch.setattr("topologies.builder.daemon.end_process", kill_both)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(builder, 0)[1]) == -signal.SIGKILL
    assert eventually(lambda: left_over() == before)
    assert daemon_pid() != first


def test_an_interface_that_went_is_a_port_again_when_it_comes_back() -> None:
    plan = two_sites()
    port = plan.spans[0].a

    def is_port() -> bool:
        shown = lines("ovs-ofctl", "-O", "OpenFlow13", "show", port.switch)
        return any(f"({port.interface})" in line for line in shown)

    with build_network(plan):
        assert is_port()
        lines("ip", "link", "delete", port.interface)
        assert eventually(lambda: not is_port())
        lines("ip", "link", "add", port.interface, "type", "dummy")
        assert eventually(is_port)
        lines("ip", "link", "delete", port.interface)


def test_attmpls_is_built() -> None:
    plan = make_plan(load_topology("topozoo/AttMpls"), scale=1000)
    with build_network(plan) as network:
        assert (len(network.switches), len(network.hosts), len(network.links)) == (25, 25, 81)
