"""Mininet's own interface and command line on a built network, seen on packets and devices."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mininet.link import TCLink
from mininet.log import lg
from mininet.net import Mininet

from tests.emulation.built_networks import connect, eventually, left_over, lines, two_sites
from topologies.build import BuildError, LinkStatusError, Network, NetworkCLI, build_network


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    before = left_over()
    plan = two_sites()
    with build_network(plan) as network:
        connect(plan)
        yield network
    assert left_over() == before


def _say(net: Network, caplog: pytest.LogCaptureFixture, tmp_path: Path, *commands: str) -> str:
    """What the command line answers; Mininet logs it."""
    script = tmp_path / "commands"
    script.write_text("\n".join(commands) + "\n")
    told = io.StringIO()
    silent, kept_open = os.pipe()
    lg.setLogLevel("output")
    with os.fdopen(silent) as stdin:
        NetworkCLI(net, stdin=stdin, stdout=told, script=str(script))
    os.close(kept_open)
    printed = "".join(record.getMessage() for record in caplog.records)
    caplog.clear()
    return told.getvalue() + printed


def test_nodes_are_found_by_name_and_iterated(net: Network) -> None:
    names = ["west-host1", "east-host1", "west", "east", "controller"]
    assert list(net) == net.keys() == names
    assert len(net) == 5
    assert "west" in net
    assert "nowhere" not in net
    assert net["west"] is net.get("west") is net.getNodeByName("west")
    assert net.get("west", "east") == net.switches
    assert isinstance(net, Mininet)
    with pytest.raises(KeyError):
        net.get("nowhere")


def test_commands_run_in_the_hosts_namespace(net: Network) -> None:
    host = net["west-host1"]
    inode = str(host.namespace.inode)
    ask = "readlink /proc/self/ns/net"
    assert inode in host.cmd(ask)
    assert inode in host.popen(ask).communicate()[0].decode()
    assert inode in host.pexec(ask)[0]
    assert host.pexec("false") == ("", "", 1)
    assert host.popen("echo $((6 * 7))", shell=True).communicate()[0] == b"42\n"
    host.sendCmd("sleep 0.01; echo first; echo second")
    assert host.waiting
    assert host.waitOutput().split() == ["first", "second"]
    host.sendCmd("echo begins; sleep 1000")
    assert "begins" in host.monitor()
    host.sendInt()
    host.waitOutput()
    assert host.cmd("echo $?").strip() == "130"


def test_several_hosts_are_monitored_at_once(net: Network) -> None:
    for host in net.hosts:
        host.sendCmd(f"echo from {host.name}")
    heard = {(line or "").strip(): host for host, line in itertools.islice(net.monitor(), 2)}
    assert heard == {f"from {host.name}": host for host in net.hosts}
    for host in net.hosts:
        host.waitOutput()


def test_pings_tell_loss_and_the_spans_delay(net: Network) -> None:
    assert net.pingAll() == net.pingPair() == net.ping(net.hosts) == 0.0
    net.pingFull()
    for _, _, (sent, received, least_ms, *_) in [*net.pingFull(), *net.pingPairFull()]:
        assert (sent, received) == (1, 1)
        assert least_ms == pytest.approx(9.8, abs=0.1)  # twice 1,000 km of 4.9 µs


def test_iperf_measures_the_line_and_ends_nobody_elses(net: Network) -> None:
    theirs = subprocess.Popen(["iperf", "-s", "-p", "5055"], stdout=subprocess.DEVNULL)
    received, sent = net.iperf(seconds=2, fmt="m")
    assert 80 < float(received.split()[0]) < 100
    assert sent.endswith("Mbits/sec")
    rate, received, _ = net.iperf(l4Type="UDP", udpBw="20M", seconds=1, fmt="m")
    assert rate == "20M"
    assert float(received.split()[0]) == pytest.approx(20, abs=2)
    with pytest.raises(BuildError, match="not 'SCTP'"):
        net.iperf(l4Type="SCTP")
    assert theirs.poll() is None
    theirs.kill()
    theirs.wait()


def test_failed_iperf_is_no_result(net: Network) -> None:
    net.configLinkStatus("west", "west-host1", "down")
    with pytest.raises(BuildError, match="iperf on west-host1"):
        net.iperf(seconds=1)
    net.configLinkStatus("west", "west-host1", "up")
    assert eventually(lambda: net.pingAll(timeout="1") == 0.0)


def test_links_go_down_and_up_again_with_all_that_was_set(net: Network) -> None:
    for ends in (("west", "east"), ("west-host1", "west")):
        net.configLinkStatus(*ends, "down")
        assert net.pingAll() == 100.0
        net.configLinkStatus(*ends, "up")
        # Open vSwitch hears of it a moment later.
        assert eventually(lambda: net.pingAll(timeout="1") == 0.0)


@pytest.mark.parametrize(
    ("ends", "status", "message"),
    [
        (("west", "nowhere"), "down", "no node 'nowhere'"),
        (("west-host1", "east-host1"), "down", "no link joins"),
        (("west", "east"), "broken", "not 'broken'"),
    ],
)
def test_impossible_link_change_raises(
    net: Network, ends: tuple[str, str], status: str, message: str
) -> None:
    with pytest.raises(LinkStatusError, match=message):
        net.configLinkStatus(*ends, status)


def test_a_host_and_its_link_come_and_go(net: Network) -> None:
    before = left_over()
    third = net.addHost("third")
    link = net.addLink(third, "west", cls=TCLink, bw=10, delay="2ms")
    third.setIP("10.0.9.1/8")
    port = net["west"].ports[link.intf2]
    assert lines("ovs-vsctl", "get", "interface", link.intf2.name, "ofport") == [str(port)]
    first = net["west-host1"]
    first.cmd("ip route add 10.0.9.1 dev eth0")
    first.setARP("10.0.9.1", third.MAC())
    third.setARP(first.IP(), first.MAC())
    for rule in (f"in_port={port},actions=output:1", f"priority=9,in_port=1,actions=output:{port}"):
        net["west"].dpctl("add-flow", rule)
    [(_, _, (_, received, least_ms, *_)), _] = net.pingFull([first, third])
    assert received == 1
    assert least_ms == pytest.approx(4, abs=0.1)
    net.configLinkStatus("third", "west", "down")
    assert net.ping([first, third], timeout="1") == 100.0
    net.configLinkStatus("third", "west", "up")
    assert net.ping([first, third]) == 0.0
    sleeper = third.popen(["sleep", "1000"])
    net.delHost(third)
    assert "third" not in net
    assert link not in net.links
    assert sleeper.wait() != 0
    net["west"].dpctl("--strict", "del-flows", "priority=9,in_port=1")
    assert eventually(lambda: left_over() == before)
    assert net.pingAll() == 0.0


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda net: net.addHost("h9", ipp="10.0.0.9"), r"addHost\(\) knows no .* 'ipp'; .* ip,"),
        (lambda net: net.addHost("west"), "a node 'west' in this network already"),
        (lambda net: net.addSwitch("s9", dpidd="9"), "'dpidd'"),
        (lambda net: net.addLink("west", "nowhere"), "no node 'nowhere'"),
        (lambda net: net.addLink("west", "east", bw=10), r"addLink\(\) knows no parameter 'bw'"),
        (lambda net: net.addLink("west", "east", cls=TCLink, dealy="1ms"), "'dealy'"),
        (lambda net: net.addController("c1"), "the plan's controller"),
        (lambda net: net.addNAT(), "addNAT"),
        (lambda net: net.links[0].intf1.config(bw=5), r"s1-eth2: config\(\) knows no .* 'bw'"),
    ],
)
def test_what_would_be_ignored_raises(net: Network, attempt: object, message: str) -> None:
    before = left_over(), list(net), len(net.links)
    with pytest.raises(BuildError, match=message):
        attempt(net)  # type: ignore[operator]
    assert (left_over(), list(net), len(net.links)) == before


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"bw": 2000}, "up to 1000 Mbit/s, not bw=2000"),
        ({"bw": 10, "loss": 200}, "not 200"),
        ({"delay": "soon"}, "Illegal"),
    ],
)
def test_shapes_that_mininet_would_not_give_raise(
    net: Network, shape: dict[str, object], message: str
) -> None:
    before = left_over(), len(net.links)
    with pytest.raises(BuildError, match=message):
        net.addLink("west", "east", cls=TCLink, **shape)  # type: ignore[arg-type]
    assert (left_over(), len(net.links)) == before


def test_command_line_lists_the_network(
    net: Network, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def say(*commands: str) -> str:
        return _say(net, caplog, tmp_path, *commands)

    assert "controller east east-host1 west west-host1" in say("nodes")
    told = say("net")
    assert "west-host1 eth0:s1-eth1" in told
    assert "s1-eth2:s2-eth2" in told
    assert "<BuiltHost west-host1: eth0:10.0.1.1 pid=" in say("dump")
    assert "s1-eth2<->s2-eth2 (OK OK)" in say("links")
    assert "west: lo,s1-eth1,s1-eth2" in say("intfs")
    assert "s1-eth1:1" in say("ports")
    assert "0% dropped (2/2 received)" in say("pingall")
    assert "1 packets transmitted, 1 received" in say("west-host1 ping -c1 east-host1")
    assert "time=9.8" in say("west-host1 ping -c1 east-host1")
    assert "'10.0.2.1'" in say("py repr(net['east-host1'].IP())")
    assert "nw_dst=10.0.2.1" in say("dpctl dump-flows")
    assert "Elapsed time: 3.0" in say("time west-host1 sleep 3")
    assert "Unknown command: nonsense" in say("nonsense")
    mark = tmp_path / "mark"
    say(f"sh echo shell >{mark}")
    assert mark.read_text() == "shell\n"
    inner = tmp_path / "inner"
    inner.write_text("nodes\n")
    assert "available nodes" in say(f"source {inner}")


def test_command_line_breaks_and_mends(
    net: Network, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def say(*commands: str) -> str:
        return _say(net, caplog, tmp_path, *commands)

    assert "no node 'nowhere'" in say("link west nowhere down")
    assert "100% dropped" in say("link west east down", "pingall 1")
    say("link west east up")
    assert eventually(lambda: net.pingAll(timeout="1") == 0.0)
    say("switch west stop")
    assert lines("ovs-vsctl", "list-br") == ["east"]
    assert net.pingAll(timeout="1") == 100.0
    say("switch west start")
    connect(net.plan)
    assert net.pingAll() == 0.0
    assert "*** Open vSwitch refused" in say("switch west start")
