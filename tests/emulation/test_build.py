"""What the builder makes, measured in the guest, and what it leaves behind: nothing."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.emulation.built_networks import connect, datagrams, left_over, lines, two_sites
from topologies.build import BfdTimers, BuildError, LinkStatusError, NetworkCLI, build_network
from topologies.load import load_topology
from topologies.plan import GATEWAY_MAC, HOST_MTU, SPAN_MTU, make_plan

FRAME_OVERHEAD_BYTES = 42  # Ethernet, IPv4 and UDP headers


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = left_over()
    yield
    assert left_over() == before


def eventually(holds: Callable[[], bool], deadline_s: float = 30.0) -> bool:
    end_s = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


def test_ai_backbone_has_every_site_span_and_host() -> None:
    plan = make_plan(load_topology("ai-backbone"), scale=10_000)
    with build_network(plan, bfd=BfdTimers(interval_ms=10, multiplier=3)) as network:
        assert {switch.name for switch in network.switches} == {s.site for s in plan.switches}
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
            assert lines("ovs-vsctl", "get-fail-mode", switch.site) == ["secure"]
            assert lines("ovs-vsctl", "get-controller", switch.site) == [
                f"tcp:{switch.controller_address}:6653"
            ]
            [dpid] = lines("ovs-vsctl", "get", "bridge", switch.site, "datapath_id")
            assert int(dpid.strip('"'), 16) == switch.dpid
            [protocols] = lines("ovs-vsctl", "get", "bridge", switch.site, "protocols")
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


def test_ping_takes_the_delays_of_the_links_and_of_sending() -> None:
    plan = two_sites(length_km=2000, rate_gbps=100, scale=1000)
    with build_network(plan) as network:
        connect(plan)
        network.get("west-host1").cmd("ping -c1 10.0.2.1")  # fills the switches' caches
        output = network.get("west-host1").cmd("ping -c1 10.0.2.1")
    round_trip_ms = float(output.split("time=")[1].split()[0])
    links_us = plan.spans[0].delay_us + 2 * plan.hosts[0].delay_us
    sending_us = 98 * 8 / 100 + 2 * 98 * 8 / 400
    assert round_trip_ms == pytest.approx(2 * (links_us + sending_us) / 1000, abs=0.1)


@pytest.mark.parametrize("length_km", [1, 80, 1000, 9000])
@pytest.mark.parametrize("rate_gbps", [10, 100, 10_000])
def test_one_way_delay_is_exact(length_km: float, rate_gbps: float) -> None:
    plan = two_sites(length_km=length_km, rate_gbps=rate_gbps, scale=1000)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.send(100)
        flow.received()
        sent_ns = flow.send(100)
        [(size, received_ns)] = flow.received()
        flow.close()
    bits = (size + FRAME_OVERHEAD_BYTES) * 8
    sending_us = bits / rate_gbps + 2 * bits / (rate_gbps * 4)
    expected_us = plan.spans[0].delay_us + 2 * plan.hosts[0].delay_us + sending_us
    assert (received_ns - sent_ns) / 1000 == pytest.approx(expected_us, abs=1 + 1e-3 * expected_us)


@pytest.mark.parametrize("rate_gbps", [10, 100, 10_000])
@pytest.mark.parametrize("length_km", [1, 6200])
def test_rate_is_exact(rate_gbps: float, length_km: float) -> None:
    plan = two_sites(length_km=length_km, rate_gbps=rate_gbps, scale=1000, buffer_ms=5000)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.send(100)
        flow.received()
        for _ in range(2000):
            flow.send(1472)
        received = flow.received()
        flow.close()
    assert len(received) == 2000
    took_ns = received[-1][1] - received[0][1]
    rate_mbps = (2000 - 1) * (1472 + FRAME_OVERHEAD_BYTES) * 8 / took_ns * 1000
    assert rate_mbps == pytest.approx(plan.spans[0].rate_mbps, rel=5e-3)


def test_full_delay_line_takes_no_place_in_the_queue() -> None:
    plan = two_sites(length_km=6200, rate_gbps=80, buffer_ms=20)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.send(1)
        flow.received()
        for _ in range(400):  # more small packets in flight than the queue has places
            flow.send(18)
            time.sleep(50e-6)
        for _ in range(120):
            flow.send(1472)
        assert len(flow.received()) == 520
        flow.close()


def test_queue_in_front_of_a_span_holds_its_buffer_and_no_more() -> None:
    plan = two_sites(length_km=6200, rate_gbps=80, buffer_ms=20)
    held = 80e6 * 20e-3 / 8 / (SPAN_MTU + 14)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.send(1)
        flow.received()
        for _ in range(400):  # the host's own link lets four times the span's rate through
            flow.send(1472)
            time.sleep(40e-6)
        received = flow.received()
        flow.close()
    passed_while_sending = 400 * 1514 * 8 / (4 * 80e6) * 80e6 / (1514 * 8)
    assert len(received) == pytest.approx(held + passed_while_sending, rel=0.1)


def test_no_packet_on_a_span_is_larger_than_a_host_may_send() -> None:
    plan = two_sites(length_km=100)
    with build_network(plan) as network:
        connect(plan)
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        capture.bind((plan.spans[0].b.interface, 0))
        capture.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        server = network.get("east-host1").popen(["iperf3", "-s", "-1", "--forceflush"])
        assert server.stdout.readline()
        client = network.get("west-host1").popen(["iperf3", "-c", "10.0.2.1", "-n", "2M"])
        assert client.wait() == 0
        capture.settimeout(0.1)
        sizes = []
        try:
            while True:
                sizes.append(len(capture.recv(100_000)))
        except TimeoutError:
            capture.close()
    assert len(sizes) > 1400
    assert max(sizes) == HOST_MTU + 14


def test_tcp_fills_a_long_path() -> None:
    plan = two_sites(length_km=6200, rate_gbps=100, buffer_ms=100)
    with build_network(plan) as network:
        connect(plan)
        server = network.get("east-host1").popen(["iperf3", "-s", "-1", "--forceflush"])
        assert server.stdout.readline()
        client = network.get("west-host1").popen(
            ["iperf3", "-c", "10.0.2.1", "-t", "4", "-O", "2", "-f", "k"]
        )
        output = client.communicate()[0].decode()
    [received] = [line for line in output.splitlines() if "receiver" in line]
    assert 90_000 < float(received.split()[6]) < 96_500


def test_control_channel_has_its_delay_in_each_direction() -> None:
    plan = two_sites(length_km=1000)
    with build_network(plan) as network:
        controller = network.get("controller")
        for switch in plan.switches:
            output = controller.cmd(f"ping -c1 {switch.control_address}")
            round_trip_ms = float(output.split("time=")[1].split()[0])
            assert round_trip_ms == pytest.approx(2 * switch.control_delay_us / 1000, abs=0.02)


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


def test_mininets_own_tests_and_command_line_work(tmp_path: Path) -> None:
    plan = two_sites()
    script = tmp_path / "commands"
    script.write_text(
        "west-host1 ping -c1 east-host1\nlink west nowhere down\nlink west east down\n"
    )
    told = io.StringIO()
    silent, kept_open = os.pipe()
    with build_network(plan) as network, os.fdopen(silent) as stdin:
        connect(plan)
        assert network.pingAll() == 0.0
        NetworkCLI(network, stdin=stdin, stdout=told, script=str(script))
        assert "no node 'nowhere'" in told.getvalue()
        assert network.pingAll() == 100.0
    os.close(kept_open)


def test_link_goes_down_and_up_again_with_all_that_was_set() -> None:
    plan = two_sites()
    with build_network(plan) as network:
        connect(plan)
        for ends in (("west", "east"), ("west-host1", "west")):
            network.configLinkStatus(*ends, "down")
            assert network.pingAll() == 100.0
            network.configLinkStatus(*ends, "up")
            # Open vSwitch hears of it a moment later.
            assert eventually(lambda: network.pingAll(timeout="1") == 0.0)


@pytest.mark.parametrize(
    ("ends", "status", "message"),
    [
        (("west", "nowhere"), "down", "no node 'nowhere'"),
        (("west-host1", "east-host1"), "down", "no link joins"),
        (("west", "east"), "broken", "not 'broken'"),
    ],
)
def test_impossible_link_change_raises(ends: tuple[str, str], status: str, message: str) -> None:
    with build_network(two_sites()) as network, pytest.raises(LinkStatusError, match=message):
        network.configLinkStatus(*ends, status)


def test_switch_stops_and_starts_again() -> None:
    plan = two_sites()
    with build_network(plan) as network:
        west = network.get("west")
        west.stop(deleteIntfs=False)
        assert lines("ovs-vsctl", "list-br") == ["east"]
        west.start(network.controllers)
        connect(plan)
        assert network.pingAll() == 0.0


def test_attmpls_is_built() -> None:
    plan = make_plan(load_topology("topozoo/AttMpls"), scale=1000)
    with build_network(plan) as network:
        assert (len(network.switches), len(network.hosts), len(network.links)) == (25, 25, 81)


def test_others_things_are_left_alone() -> None:
    subprocess.run(["ip", "link", "add", "theirs", "type", "dummy"], check=True)
    subprocess.run(["ip", "netns", "add", "theirs"], check=True)
    subprocess.run(["ovs-vsctl", "add-br", "their-bridge"], check=True)
    sleeper = subprocess.Popen(["sleep", "1000"])
    before = left_over()
    with build_network(two_sites()) as network:
        ours = network.get("west-host1").popen(["sleep", "1000"])
    assert left_over() == before
    assert sleeper.poll() is None
    assert ours.wait() == -signal.SIGKILL
    sleeper.kill()
    sleeper.wait()
    subprocess.run(["ovs-vsctl", "del-br", "their-bridge"], check=True)
    subprocess.run(["ip", "netns", "del", "theirs"], check=True)
    subprocess.run(["ip", "link", "del", "theirs"], check=True)


def test_names_that_are_taken_are_refused_before_anything_is_made() -> None:
    subprocess.run(["ip", "link", "add", "s1-eth1", "type", "dummy"], check=True)
    before = left_over()
    with pytest.raises(BuildError, match="already there: s1-eth1"), build_network(two_sites()):
        pass
    assert left_over() == before
    subprocess.run(["ip", "link", "del", "s1-eth1"], check=True)


def test_failure_in_the_kernel_is_named_and_undone() -> None:
    plan = two_sites()
    span = plan.spans[0].model_copy(update={"delay_us": -5.0})
    with pytest.raises(BuildError, match="netem on s1-eth2"):  # noqa: SIM117
        with build_network(plan.model_copy(update={"spans": (span,)})):
            pass


def test_failure_in_open_vswitch_is_named_and_undone() -> None:
    plan = two_sites()
    span = plan.spans[0]
    taken = span.a.model_copy(update={"number": plan.hosts[0].port.number})
    broken = plan.model_copy(update={"spans": (span.model_copy(update={"a": taken}),)})
    with pytest.raises(BuildError, match="Open vSwitch did not add s1-eth"), build_network(broken):
        pass


def test_error_of_the_user_takes_the_network_down() -> None:
    with pytest.raises(ZeroDivisionError), build_network(two_sites()):
        raise ZeroDivisionError


def test_stop_twice_is_stop_once() -> None:
    with build_network(two_sites()) as network:
        network.stop()
        assert lines("ovs-vsctl", "list-br") == []


_BUILD_AND_WAIT = """
import sys, time
from tests.emulation.built_networks import two_sites
from topologies.build import build_network
with build_network(two_sites()) as network:
    network.get("west-host1").popen(["sleep", "1000"])
    network.get("east-host1").cmd("true")
    print("built", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_when_the_builder_is_ended(end: signal.Signals) -> None:
    before = left_over()
    builder = subprocess.Popen(
        [sys.executable, "-c", _BUILD_AND_WAIT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert builder.stdout
    assert builder.stdout.readline() == b"built\n"
    builder.send_signal(end)
    builder.wait()
    assert eventually(lambda: left_over() == before and not _sleepers())


def _sleepers() -> list[str]:
    return [line for line in lines("ps", "-eo", "args") if line == "sleep 1000"]
