"""The plan: ports, addresses, delays and scaled rates."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.topology_samples import checked, topologies, triangle
from topologies.delays import central_site
from topologies.plan import GATEWAY_MAC, HOST_MTU, SPAN_MTU, NetworkPlan, make_plan
from topologies.spec import HostRole, Topology


def test_rates_are_divided_by_the_scale_and_delays_are_not() -> None:
    plan = make_plan(checked(triangle()), scale=10_000, buffer_ms=5)
    assert [span.rate_mbps for span in plan.spans] == [10, 40, 80]
    assert [span.delay_us for span in plan.spans] == pytest.approx([490, 980, 4900])
    assert plan.host("a-gpu1").rate_mbps == 40
    assert {span.buffer_ms for span in plan.spans} == {5}


def test_control_delay_is_the_shortest_way_and_the_management_network() -> None:
    plan = make_plan(checked(triangle(controller_site="c")))
    delays_us = {switch.name: switch.control_delay_us for switch in plan.switches}
    assert delays_us == pytest.approx({"c": 50, "b": 1030, "a": 1520})
    assert plan.controller_site == "c"


def test_controller_stands_where_the_farthest_site_is_nearest() -> None:
    assert central_site(checked(triangle())) == "b"
    assert make_plan(checked(triangle())).controller_site == "b"


def test_one_site_alone_is_a_network() -> None:
    data = triangle(spans=[])
    data["sites"] = data["sites"][:1]
    plan = make_plan(checked(data))
    assert [host.ip for host in plan.hosts] == ["10.0.1.1", "10.0.1.2"]


def test_what_is_found_in_a_plan_and_what_is_not() -> None:
    plan = make_plan(checked(triangle()))
    span = plan.spans[0]
    assert (span.port_at("a"), span.other_end("a")) == (span.a, "b")
    assert [host.name for host in plan.hosts_with_role(HostRole.GPU)] == ["a-gpu1", "a-gpu2"]
    assert plan.hosts_with_role(HostRole.GPU, "c") == ()
    for missing in (lambda: plan.switch("x"), lambda: plan.host("x"), lambda: span.port_at("c"),
                    lambda: span.other_end("c")):  # fmt: skip
        with pytest.raises(KeyError):
            missing()


def test_labels_fit_beside_full_packets() -> None:
    assert SPAN_MTU >= HOST_MTU + 5 * 4


@settings(max_examples=30, deadline=None)
@given(topologies(), st.floats(1, 1e6))
def test_nothing_is_given_twice(topology: Topology, scale: float) -> None:
    plan = make_plan(topology, scale)
    ports = [port for span in plan.spans for port in (span.a, span.b)]
    ports += [host.port for host in plan.hosts]
    assert len({port.interface for port in ports}) == len(ports)
    assert len({(port.dpid, port.number) for port in ports}) == len(ports)
    assert all(len(port.interface) <= 15 for port in ports)
    for unique in ("ip", "mac", "name"):
        assert len({getattr(host, unique) for host in plan.hosts} | {GATEWAY_MAC}) == (
            len(plan.hosts) + 1
        )
    control = [ipaddress.IPv4Network(f"{s.control_address}/31") for s in plan.switches]
    assert len(set(control)) == len(control)
    for switch, network in zip(plan.switches, control, strict=True):
        assert ipaddress.ip_address(switch.controller_address) in network
        assert network.subnet_of(ipaddress.IPv4Network("172.16.0.0/12"))


@settings(max_examples=20, deadline=None)
@given(topologies())
def test_a_plan_survives_being_written(topology: Topology) -> None:
    plan = make_plan(topology, scale=1000)
    assert NetworkPlan.model_validate_json(plan.model_dump_json()) == plan


def test_ports_of_a_switch_are_numbered_without_gaps() -> None:
    plan = make_plan(checked(triangle()))
    ports = [port for span in plan.spans for port in (span.a, span.b)]
    ports += [host.port for host in plan.hosts]
    for switch in plan.switches:
        numbers = sorted(port.number for port in ports if port.switch == switch.name)
        assert numbers == list(range(1, len(numbers) + 1))


def test_buffer_in_bytes_drains_at_the_line_rate_whatever_the_scale() -> None:
    for scale in (1, 10_000):
        plan = make_plan(checked(triangle()), scale=scale, buffer_bytes=1e9)
        found = [(span.buffer_ms, span.rate_mbps) for span in plan.spans]
        found += [(host.buffer_ms, host.rate_mbps) for host in plan.hosts]
        for buffer_ms, rate_mbps in found:
            assert buffer_ms == pytest.approx(8e9 / (rate_mbps * scale * 1e3))
