"""Build a planned network in Mininet: real objects, made in a few batches.

Stock Mininet forks a shell for each node and several for each interface. Here
links, addresses and queues are netlink batches, all bridges are one Open vSwitch
transaction, and a shell starts when it is first used.
"""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from topologies.builder.daemon import daemon_pid
from topologies.builder.devices import (
    Indices,
    channel_end_requests,
    channel_requests,
    device_names,
    host_link_requests,
    host_port_requests,
    planned_ports,
    span_pairs,
    span_requests,
)
from topologies.builder.errors import BuildError, LinkStatusError
from topologies.builder.guard import Guard, end_processes
from topologies.builder.namespaces import Namespace, fresh_namespace
from topologies.builder.netlink import Request, RouteSocket
from topologies.builder.network import CONTROLLER_NODE, Network, NetworkCLI
from topologies.builder.nodes import BuiltSwitch
from topologies.builder.ovsdb import Database
from topologies.builder.precedence import precedence
from topologies.builder.requests import LOOPBACK_INDEX, delete_group, netem
from topologies.builder.switches import (
    BfdTimers,
    Bridge,
    BridgePort,
    add_bridges,
    existing_names,
    remove_bridges,
)
from topologies.plan import CONTROLLER_PORT, NetworkPlan

__all__ = ["BfdTimers", "BuildError", "LinkStatusError", "Network", "NetworkCLI", "build_network"]

# Mebibytes a TCP connection may have in flight: 150 ms at 1 Gbit/s, four times over.
_TCP_BUFFERS = "4096 131072 67108864"
_HOST_SETTINGS = {
    "ipv4/tcp_slow_start_after_idle": "0",
    "ipv4/tcp_no_metrics_save": "1",
    "ipv4/tcp_rmem": _TCP_BUFFERS,
    "ipv4/tcp_wmem": _TCP_BUFFERS,
    "ipv6/conf/all/disable_ipv6": "1",
}
_FIRST_INDEX, _INDEX_STEP = 1_000_000, 100_000
_SPARE_FILES = 1024


@contextmanager
def build_network(
    plan: NetworkPlan, *, bfd: BfdTimers | Mapping[str, BfdTimers] | None = None
) -> Iterator[Network]:
    """Build the network and take it down at the end of the `with`.

    bfd: run BFD with these timers on every span, or by span id on those named.

    Needs root, a running Open vSwitch with its kernel datapath, and netem. Raises
    BuildError, and leaves nothing behind, when any of it fails; bridges, interfaces
    and processes of others are never touched.
    """
    with ExitStack() as undo:
        by_span = bfd if isinstance(bfd, Mapping) else {span.id: bfd for span in plan.spans}
        network = _build(plan, by_span, undo)
        undo.callback(network.stop)
        yield network


def _build(plan: NetworkPlan, bfd: Mapping[str, BfdTimers | None], stack: ExitStack) -> Network:
    """Make everything; `stack` undoes it, in reverse order, should a later part fail."""
    _check_machine()
    owner, group = f"{os.getpid()}.{time.monotonic_ns()}", 0x40000000 | os.getpid()
    database = stack.enter_context(Database())
    indices = _free_indices(plan, database)
    _allow_files(os.getpid(), len(plan.hosts))
    _allow_files(daemon_pid(), len(indices.ports) + 4 * len(plan.switches))
    with ExitStack() as undo:
        guard = Guard(owner, group)
        undo.callback(guard.dismiss)
        route = undo.enter_context(RouteSocket())
        undo.callback(_delete_links, route, group)
        with precedence():
            namespaces = _links(plan, indices, group, route, undo)
        inodes = frozenset(namespace.inode for namespace in namespaces.values())
        guard.also(inodes)
        undo.callback(remove_bridges, database, owner)
        bridges = _bridges(plan, bfd)
        add_bridges(database, owner, bridges)
        undo.callback(end_processes, inodes)
        switches = [
            BuiltSwitch(
                bridge.name,
                bridge.dpid,
                create=partial(add_bridges, database, owner, [bridge]),
                remove=partial(remove_bridges, database, owner, [bridge.name]),
            )
            for bridge in bridges
        ]
        return Network(plan, indices, namespaces, switches, undo.pop_all().close)


def _check_machine() -> None:
    """Raises BuildError where this user, or this kernel, can build no network."""
    if os.geteuid():
        raise BuildError(
            "building a network in this machine's own kernel needs root; "
            "with the clock `virtual` it does not"
        )
    with fresh_namespace() as trial, closing(trial), RouteSocket() as route:
        try:
            route.run([netem("lo", LOOPBACK_INDEX, delay_ns=0, limit_packets=1)])
        except BuildError as error:
            raise BuildError(f"this kernel has no netem queueing discipline ({error})") from None


def _free_indices(plan: NetworkPlan, database: Database) -> Indices:
    """Interface numbers for our devices. Raises BuildError if a name of ours is taken."""
    present = {name: index for index, name in socket.if_nameindex()}
    wanted = [*device_names(plan), *(switch.name for switch in plan.switches)]
    taken = sorted((present.keys() | existing_names(database)) & set(wanted))
    if taken:
        listed = ", ".join(taken[:5]) + (", …" if len(taken) > 5 else "")
        raise BuildError(
            f"already there: {listed}; another network is running, or these names belong to "
            "something else (ip link, ovs-vsctl show)"
        )
    base = _FIRST_INDEX
    used = sorted(present.values())
    while any(base <= index < base + len(wanted) for index in used):
        base += _INDEX_STEP
    return Indices.number(plan, base)


def _allow_files(pid: int, more: int) -> None:
    """Raise a process's limit of open files where it would not suffice.

    We hold a file for each host's namespace, and the switch daemon some for each port
    and bridge. It does not fail when it has none left, but tries again for ever.
    """
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    needed = more + _SPARE_FILES
    if soft < needed:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (needed, max(hard, needed)))


def _links(
    plan: NetworkPlan, indices: Indices, group: int, route: RouteSocket, undo: ExitStack
) -> dict[str, Namespace]:
    main = Namespace.current()
    undo.callback(main.close)
    route.run(span_pairs(plan, indices, group))
    namespaces = {}
    for host in plan.hosts:
        requests = host_link_requests(host, indices, group, main.descriptor)
        namespaces[host.name] = _populated_namespace(requests, undo)
    requests = channel_requests(plan, indices, group, main.descriptor)
    namespaces[CONTROLLER_NODE] = _populated_namespace(requests, undo)
    for name in device_names(plan):
        # Before they are up: each device with IPv6 is also a route, and Open vSwitch
        # reads the whole routing table again whenever one appears.
        _write_setting(f"ipv6/conf/{name}/disable_ipv6", "1")
    route.run(span_requests(plan, indices))
    route.run(host_port_requests(plan, indices))
    route.run(channel_end_requests(plan, indices))
    return namespaces


def _delete_links(route: RouteSocket, group: int) -> None:
    with precedence():
        route.run([delete_group(group)])


def _populated_namespace(requests: Iterator[Request], undo: ExitStack) -> Namespace:
    with fresh_namespace() as namespace:
        undo.callback(namespace.close)
        for name, value in _HOST_SETTINGS.items():
            _write_setting(name, value)
        with RouteSocket() as route:
            route.run(requests)
    return namespace


def _write_setting(name: str, value: str) -> None:
    path = f"/proc/sys/net/{name}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # a kernel without IPv6 has nothing to switch off
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _bridges(plan: NetworkPlan, bfd: Mapping[str, BfdTimers | None]) -> list[Bridge]:
    timers = {port.interface: bfd.get(span.id) for span in plan.spans for port in (span.a, span.b)}
    ports: dict[str, list[BridgePort]] = {switch.name: [] for switch in plan.switches}
    for port in planned_ports(plan):
        known = BridgePort(port.interface, port.number, timers.get(port.interface))
        ports[port.switch].append(known)
    return [
        Bridge(
            switch.name,
            switch.dpid,
            f"tcp:{switch.controller_address}:{CONTROLLER_PORT}",
            tuple(ports[switch.name]),
        )
        for switch in plan.switches
    ]
