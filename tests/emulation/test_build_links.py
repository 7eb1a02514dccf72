"""Delay, rate and queue of what the builder makes, measured."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.benchmarks.link_fidelity import binomial_interval
from tests.emulation.built_networks import (
    connect,
    datagrams,
    left_over,
    put_in_queue,
    two_sites,
)
from topologies.build import build_network
from topologies.plan import HOST_MTU

FRAME_OVERHEAD_BYTES = 42  # Ethernet, IPv4 and UDP headers


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = left_over()
    yield
    assert left_over() == before


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
        flow.fill_caches(100)
        delay_us = flow.delay_ns(100) / 1000
        flow.close()
    bits = (100 + FRAME_OVERHEAD_BYTES) * 8
    sending_us = bits / rate_gbps + 2 * bits / (rate_gbps * 4)
    expected_us = plan.spans[0].delay_us + 2 * plan.hosts[0].delay_us + sending_us
    assert delay_us == pytest.approx(expected_us, abs=1)


@pytest.mark.parametrize("rate_gbps", [10, 100, 10_000])
@pytest.mark.parametrize("length_km", [1, 6200])
def test_rate_is_exact(rate_gbps: float, length_km: float) -> None:
    plan = two_sites(length_km=length_km, rate_gbps=rate_gbps, scale=1000, buffer_ms=5000)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.fill_caches(100)
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


@pytest.mark.parametrize("payload_bytes", [18, 1472])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("length_km", [1, 6200])
def test_queue_in_front_of_a_span_holds_its_bytes_and_no_more(
    length_km: float, classes: bool, payload_bytes: int
) -> None:
    plan = two_sites(length_km=length_km, rate_gbps=80, buffer_bytes=50e6, classes=classes)
    frame_bytes = payload_bytes + FRAME_OVERHEAD_BYTES
    count = 3 * 50_000 // frame_bytes
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.send(1)
        flow.received()
        sending_us = frame_bytes * 8 / (4 * 80)
        for _ in range(count):  # the host's own link lets four times the span's rate through
            flow.send(payload_bytes)
            time.sleep(sending_us / 1e6)
        received = flow.received()
        flow.close()
    # While the queue fills, the span sends a quarter of what comes.
    took_us = count * (sending_us + 50)  # the sleeper is at most 50 µs late
    least, most = (50_000 + us * 10 for us in (count * sending_us, took_us))
    assert least - 2 * frame_bytes <= len(received) * frame_bytes <= most + 2 * frame_bytes


def test_delay_of_each_direction_is_its_own() -> None:
    plan = two_sites(delays_us=(5000, 7000))
    with build_network(plan) as network:
        connect(plan)
        flows = [datagrams(network, "west-host1", "east-host1")]
        flows.append(datagrams(network, "east-host1", "west-host1"))
        for flow in flows:
            flow.fill_caches(100)
        there_ns, back_ns = (flow.delay_ns(100) for flow in flows)
        for flow in flows:
            flow.close()
    assert back_ns - there_ns == pytest.approx(2_000_000, abs=1000)


@pytest.mark.parametrize("classes", [False, True])
def test_base_loss_is_as_declared(classes: bool) -> None:
    plan = two_sites(length_km=10, rate_gbps=1000, buffer_ms=1000, base_loss=0.05, classes=classes)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        for _ in range(20):  # fills both switches' caches: time stands still while we send
            flow.send(1)
            flow.received()
        for _ in range(4000):
            flow.send(100)
        lost = 4000 - len(flow.received())
        flow.close()
    least, most = binomial_interval(4000, 0.05, 0.9999)
    assert least <= lost <= most


@pytest.mark.parametrize("mark", ["queue", "dscp"])
def test_interactive_data_does_not_wait_behind_best_effort(mark: str) -> None:
    plan = two_sites(length_km=100, rate_gbps=10, buffer_ms=1000, classes=True)
    with build_network(plan) as network:
        connect(plan)
        bulk = datagrams(network, "west-host1", "east-host1")
        bulk.send(1)
        bulk.received()
        urgent = datagrams(network, "west-host1", "east-host1", port=9001)
        if mark == "dscp":
            urgent.set_dscp(46)
        else:
            put_in_queue(plan, port=9001, queue=1)
        urgent.fill_caches(100)
        alone_us = urgent.delay_ns(100) / 1000
        for _ in range(200):
            bulk.send(1472)
        behind_us = urgent.delay_ns(100) / 1000
        assert len(bulk.received()) == 200
        bulk.close()
        urgent.close()
    full_packet_us = (1472 + FRAME_OVERHEAD_BYTES) * 8 / 10
    sent_before_us = 200 * full_packet_us / 4  # by the host's own link, which knows no classes
    # At most one packet is being sent already, and is not interrupted.
    assert behind_us - alone_us <= sent_before_us + full_packet_us + 1


def test_best_effort_is_last_even_after_a_pause() -> None:
    plan = two_sites(length_km=100, rate_gbps=1, buffer_ms=5000, classes=True)
    with build_network(plan) as network:
        connect(plan)
        urgent = datagrams(network, "west-host1", "east-host1", port=9001)
        urgent.set_dscp(46)
        bulk = datagrams(network, "west-host1", "east-host1")
        urgent.send(1)
        bulk.send(1)
        urgent.received()
        bulk.received()
        time.sleep(60)
        for _ in range(20):
            urgent.send(1472)
        bulk.send(1472)
        came = urgent.received()
        assert len(came) == 20
        [(_, last_ns)] = bulk.received()
        assert all(at_ns < last_ns for _, at_ns in came)
        bulk.close()
        urgent.close()


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
