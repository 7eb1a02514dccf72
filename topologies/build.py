"""Build a planned network in Mininet: real objects, made in a few batches.

Stock Mininet forks a shell for each node and several for each interface. Here
links, addresses and queues are netlink batches, all bridges are one Open vSwitch
transaction, and a shell starts when it is first used.
"""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from topologies.builder.claim import Claim, Owner
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
from topologies.builder.ending import Ending
from topologies.builder.errors import BuildError, LinkStatusError
from topologies.builder.leftovers import make_room
from topologies.builder.namespaces import Namespace, fresh_namespace
from topologies.builder.netlink import Request, RouteSocket
from topologies.builder.network import CONTROLLER_NODE, Network, NetworkCLI
from topologies.builder.nodes import BuiltSwitch
from topologies.builder.ovsdb import Database
from topologies.builder.precedence import precedence
from topologies.builder.processes import end_processes
from topologies.builder.remains import FIRST_INDEX, remove_bridges_of, remove_links
from topologies.builder.requests import LOOPBACK_INDEX, netem
from topologies.builder.signals import HeldSignals, held_signals
from topologies.builder.switches import (
    BfdTimers,
    Bridge,
    BridgePort,
    add_bridges,
    existing_names,
)
from topologies.plan import CONTROLLER_PORT, NetworkPlan

__all__ = [
    "CONTROLLER_NODE",
    "BfdTimers",
    "BuildError",
    "LinkStatusError",
    "Network",
    "NetworkCLI",
    "build_network",
]

# Mebibytes a TCP connection may have in flight: 150 ms at 1 Gbit/s, four times over.
_TCP_BUFFERS = "4096 131072 67108864"
_HOST_SETTINGS = {
    "ipv4/tcp_slow_start_after_idle": "0",
    "ipv4/tcp_no_metrics_save": "1",
    "ipv4/tcp_rmem": _TCP_BUFFERS,
    "ipv4/tcp_wmem": _TCP_BUFFERS,
    "ipv6/conf/all/disable_ipv6": "1",
}
_INDEX_STEP = 100_000
_SPARE_FILES = 1024


@contextmanager
def build_network(
    plan: NetworkPlan, *, bfd: BfdTimers | Mapping[str, BfdTimers] | None = None
) -> Iterator[Network]:
    """Build the network and take it down at the end of the `with`.

    bfd: run BFD with these timers on every span, or by span id on those named.

    Needs root, a running Open vSwitch with its kernel datapath, and netem. Raises
    BuildError, and leaves nothing behind, when any of it fails; bridges, interfaces
    and processes of others are never touched. What builds have left behind that were
    killed together with their guards is removed first.
    """
    by_span = bfd if isinstance(bfd, Mapping) else {span.id: bfd for span in plan.spans}
    with Ending() as ending:
        yield _build(plan, by_span, ending)


def _build(plan: NetworkPlan, bfd: Mapping[str, BfdTimers | None], ending: Ending) -> Network:
    """Make everything; `ending` undoes it, in reverse order, also if a later part fails."""
    try:
        _check_machine()
        taken = make_room()
        with held_signals() as held, Database() as database:
            indices = _free_indices(plan, database)
            _allow_files(os.getpid(), len(plan.hosts))
            _allow_files(daemon_pid(), len(indices.ports) + 4 * len(plan.switches))
            ending.begin(Claim(taken))
            return _make(plan, indices, _bridges(plan, bfd), ending, held)
    except (OSError, MemoryError) as error:
        reason = str(error) or "there is not enough memory"
        raise BuildError(f"cannot build {plan.name}: {reason}") from error


def _make(
    plan: NetworkPlan, indices: Indices, bridges: list[Bridge], ending: Ending, held: HeldSignals
) -> Network:
    owner, undo = ending.owner, ending.steps
    undo.callback(remove_links, owner)
    with precedence():
        namespaces = _links(plan, indices, owner.group, undo, held)
    inodes = frozenset(namespace.inode for namespace in namespaces.values())
    undo.callback(remove_bridges_of, owner)
    with held.let_through():
        _add_bridges(owner, bridges)
    switches = [
        BuiltSwitch(
            bridge.name,
            bridge.dpid,
            owner=str(owner),
            create=partial(_add_bridges, owner, [bridge]),
            remove=partial(remove_bridges_of, owner, [bridge.name]),
        )
        for bridge in bridges
    ]
    network = Network(plan, indices, namespaces, switches, owner, ending.run)
    undo.callback(network.end_shells)
    undo.callback(end_processes, str(owner), inodes)
    undo.callback(network.end_added)
    return network


def _add_bridges(owner: Owner, bridges: list[Bridge]) -> None:
    with Database() as database:
        add_bridges(database, str(owner), bridges)


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
    base = FIRST_INDEX
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
    plan: NetworkPlan, indices: Indices, group: int, undo: ExitStack, held: HeldSignals
) -> dict[str, Namespace]:
    main = Namespace.current()
    undo.callback(main.close)
    with RouteSocket() as route:
        route.run(_interruptible(span_pairs(plan, indices, group), held))
        namespaces = {}
        for host in plan.hosts:
            held.point()
            requests = host_link_requests(host, indices, group, main.descriptor)
            namespaces[host.name] = _populated_namespace(requests, undo)
        requests = channel_requests(plan, indices, group, main.descriptor)
        namespaces[CONTROLLER_NODE] = _populated_namespace(requests, undo)
        for name in device_names(plan):
            # Before they are up: each device with IPv6 is also a route, and Open vSwitch
            # reads the whole routing table again whenever one appears.
            _write_setting(f"ipv6/conf/{name}/disable_ipv6", "1")
        for made in (span_requests, host_port_requests, channel_end_requests):
            route.run(_interruptible(made(plan, indices), held))
    return namespaces


def _interruptible(requests: Iterator[Request], held: HeldSignals) -> Iterator[Request]:
    """The same requests; an interrupt comes between two of them."""
    for request in requests:
        held.point()
        yield request


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
