"""From a plan to devices: names, interface numbers, addresses and queues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from topologies.builder.classes import middle_end, sending_end
from topologies.builder.netlink import Request
from topologies.builder.requests import (
    LOOPBACK_INDEX,
    Device,
    address,
    neighbour,
    route,
    set_up,
    veth,
)
from topologies.builder.shaping import (
    Shape,
    delaying,
    host_shaping,
    port_shaping,
    shape,
    span_shaping,
)
from topologies.plan import (
    GATEWAY_MAC,
    HOST_DEVICE,
    HOST_MTU,
    HOST_NETWORK_BITS,
    SPAN_MTU,
    NetworkPlan,
    PlannedHost,
    PlannedPort,
    PlannedSpan,
    PlannedSwitch,
)

GATEWAY_ADDRESS = "169.254.1.1"
DEFAULT_ROUTE = "0.0.0.0"  # noqa: S104 - a destination, nothing is bound to it
HOST_DEVICE_INDEX = 100  # above what a kernel makes by itself in a new namespace
_CONTROL_MTU = 1500


@dataclass(frozen=True, slots=True)
class Indices:
    """Interface numbers of our devices in the main namespace, from `base` on."""

    base: int
    ports: dict[str, int]
    control: dict[str, int]
    middles: dict[str, int]
    """The far ends of the ports of spans with classes, by the port."""

    @classmethod
    def number(cls, plan: NetworkPlan, base: int) -> Indices:
        """Number the plan's devices from `base` on."""
        ports = [port.interface for port in planned_ports(plan)]
        numbers = {name: base + index for index, name in enumerate(ports)}
        control = {
            switch.name: base + len(ports) + index for index, switch in enumerate(plan.switches)
        }
        first = base + len(ports) + len(control)
        middles = {
            port.interface: first + index for index, port in enumerate(_ports_with_middle(plan))
        }
        return cls(base, numbers, control, middles)


def planned_ports(plan: NetworkPlan) -> Iterator[PlannedPort]:
    """Every switch port of the plan."""
    for span in plan.spans:
        yield span.a
        yield span.b
    for host in plan.hosts:
        yield host.port


def _ports_with_middle(plan: NetworkPlan) -> Iterator[PlannedPort]:
    """The ports whose veth pair ends in the middle of a span with classes."""
    for span in plan.spans:
        if span.classes:
            yield span.a
            yield span.b


def device_names(plan: NetworkPlan) -> list[str]:
    """The names of our devices in the main namespace; the bridges bear the switches' names."""
    control = [channel_device(switch) for switch in plan.switches]
    ports = [port.interface for port in planned_ports(plan)]
    return [*control, *ports, *(middle_name(port) for port in _ports_with_middle(plan))]


def channel_device(switch: PlannedSwitch) -> str:
    """The switch's end of its control channel; the other end bears the switch's name."""
    return f"s{switch.dpid}-ctl"


def middle_name(port: PlannedPort) -> str:
    """The device in the middle of a span with classes that faces this port."""
    return f"{port.interface}m"


def port_mac(port: PlannedPort) -> str:
    """A switch port's own address, locally administered."""
    return _mac(2, port.dpid, port.number)


def span_pairs(plan: NetworkPlan, indices: Indices, group: int) -> Iterator[Request]:
    """All spans as pairs in the main namespace, still down; two for a span with classes."""
    for span in plan.spans:
        a, b = (
            Device(port.interface, indices.ports[port.interface], port_mac(port), SPAN_MTU, group)
            for port in (span.a, span.b)
        )
        if span.classes:
            yield veth(a, _middle(span.a, indices, group))
            yield veth(b, _middle(span.b, indices, group))
        else:
            yield veth(a, b)


def _middle(port: PlannedPort, indices: Indices, group: int) -> Device:
    index = indices.middles[port.interface]
    return Device(middle_name(port), index, _mac(5, port.dpid, port.number), SPAN_MTU, group)


def span_requests(plan: NetworkPlan, indices: Indices) -> Iterator[Request]:
    """Both directions of all spans shaped and up."""
    for span in plan.spans:
        for sender, receiver in ((span.a, span.b), (span.b, span.a)):
            name, index = sender.interface, indices.ports[sender.interface]
            wanted = span_shape(span, sender)
            if span.classes:
                yield from sending_end(name, index, wanted)
                yield from _towards(receiver, sender, indices, wanted)
            else:
                yield from span_shaping(name, index, wanted)
            yield set_up(name, index)


def _towards(
    receiver: PlannedPort, sender: PlannedPort, indices: Indices, wanted: Shape
) -> Iterator[Request]:
    """The middle's device that sends to the receiver what the sender's one received."""
    name, index = middle_name(receiver), indices.middles[receiver.interface]
    yield from middle_end(name, index, indices.middles[sender.interface], wanted)
    yield set_up(name, index)


def host_link_requests(
    host: PlannedHost, indices: Indices, group: int, main_namespace: int
) -> Iterator[Request]:
    """A host's device and its link to the switch, asked for inside the host's namespace."""
    port = host.port.interface
    outside = Device(
        port, indices.ports[port], port_mac(host.port), HOST_MTU, group, main_namespace
    )
    yield set_up("lo", LOOPBACK_INDEX)
    yield veth(Device(HOST_DEVICE, HOST_DEVICE_INDEX, host.mac, HOST_MTU), outside)
    yield from host_shaping(HOST_DEVICE, HOST_DEVICE_INDEX, _access(host))
    yield from host_address_requests(host)


def host_address_requests(host: PlannedHost) -> Iterator[Request]:
    """Bring a host's device up with its address and its way out.

    Everything goes to one next hop with a fixed hardware address: no host ever asks
    for another's address. Unless it is to learn them: then all hosts are on one subnet.
    """
    device, index = HOST_DEVICE, HOST_DEVICE_INDEX
    yield set_up(device, index)
    if host.learning:
        yield address(device, index, host.ip, HOST_NETWORK_BITS)
        return
    yield address(device, index, host.ip, 32)
    yield route(device, index, GATEWAY_ADDRESS, 32)
    yield route(device, index, DEFAULT_ROUTE, 0, via=GATEWAY_ADDRESS)
    yield neighbour(device, index, GATEWAY_ADDRESS, GATEWAY_MAC)


def host_port_requests(plan: NetworkPlan, indices: Indices) -> Iterator[Request]:
    """The switches' ends of the hosts' links."""
    for host in plan.hosts:
        name = host.port.interface
        index = indices.ports[name]
        yield from port_shaping(name, index, _access(host))
        yield set_up(name, index)


def channel_requests(
    plan: NetworkPlan, indices: Indices, group: int, main_namespace: int
) -> Iterator[Request]:
    """The controllers' ends of all control channels, asked for inside its namespace."""
    yield set_up("lo", LOOPBACK_INDEX)
    for number, switch in enumerate(plan.switches, start=HOST_DEVICE_INDEX):
        near = Device(switch.name, number, _mac(4, switch.dpid, 0), _CONTROL_MTU)
        yield veth(near, _channel_end(switch, indices, group, main_namespace))
        yield from _channel(
            near, switch.controller_address, switch.control_address, _mac(3, switch.dpid, 0),
            switch.control_delay_us,
        )  # fmt: skip


def channel_end_requests(plan: NetworkPlan, indices: Indices) -> Iterator[Request]:
    """The switches' ends of all control channels."""
    for switch in plan.switches:
        end = _channel_end(switch, indices, 0, None)
        yield from _channel(
            end, switch.control_address, switch.controller_address, _mac(4, switch.dpid, 0),
            switch.control_delay_us,
        )  # fmt: skip


def _channel_end(
    switch: PlannedSwitch, indices: Indices, group: int, namespace: int | None
) -> Device:
    name, index = channel_device(switch), indices.control[switch.name]
    return Device(name, index, _mac(3, switch.dpid, 0), _CONTROL_MTU, group, namespace)


def _channel(
    device: Device, ip: str, peer_ip: str, peer_mac: str, delay_us: float
) -> Iterator[Request]:
    yield delaying(device.name, device.index, delay_us)
    yield set_up(device.name, device.index)
    yield address(device.name, device.index, ip, 31)
    yield neighbour(device.name, device.index, peer_ip, peer_mac)


def span_shape(span: PlannedSpan, sender: PlannedPort) -> Shape:
    """What a span does to the packets that one of its ends sends."""
    delay_us = span.delay_us
    if sender == span.b and span.delay_back_us is not None:
        delay_us = span.delay_back_us
    return shape(
        delay_us, span.rate_mbps, span.buffer_ms, SPAN_MTU, span.base_loss, span.ecn_mark_ms
    )


def _access(host: PlannedHost) -> Shape:
    return shape(host.delay_us, host.rate_mbps, host.buffer_ms, HOST_MTU)


def _mac(kind: int, dpid: int, number: int) -> str:
    digits = f"02{kind:02x}{dpid:04x}{number:04x}"
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
