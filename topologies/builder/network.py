"""The network as a Mininet object."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from mininet.cli import CLI
from mininet.link import Intf, Link
from mininet.log import output
from mininet.net import Mininet
from mininet.node import Node

from topologies.builder.added import AddedSwitch, forget_added, set_added
from topologies.builder.claim import Owner
from topologies.builder.devices import (
    HOST_DEVICE_INDEX,
    Indices,
    host_address_requests,
    port_mac,
)
from topologies.builder.errors import BuildError, LinkStatusError
from topologies.builder.iperf import IperfTest
from topologies.builder.namespaces import Namespace
from topologies.builder.netlink import RouteSocket
from topologies.builder.nodes import (
    BuiltController,
    BuiltHost,
    BuiltLink,
    BuiltSwitch,
    Interface,
    LazyNode,
)
from topologies.builder.output import lines_of
from topologies.builder.parameters import check_link, check_node
from topologies.builder.processes import end_processes, namespaces_of
from topologies.builder.requests import is_up, set_group, set_up
from topologies.plan import HOST_DEVICE, NetworkPlan, PlannedHost, PlannedPort

CONTROLLER_NODE = "controller"


class Network(Mininet):
    """A built network: Mininet's interface to what the plan describes."""

    def __init__(
        self,
        plan: NetworkPlan,
        indices: Indices,
        namespaces: Mapping[str, Namespace],
        switches: list[BuiltSwitch],
        owner: Owner,
        end: Callable[[], None],
    ) -> None:
        super().__init__(topo=None, controller=None, build=False)
        self.plan = plan
        self._owner, self._end = owner, end
        self._indices = indices
        self._planned_hosts = {host.name: host for host in plan.hosts}
        for switch in switches:
            self._know(switch, self.switches)
        for host in plan.hosts:
            built = BuiltHost(host.name, namespaces[host.name], str(owner), ip=host.ip)
            self._know(built, self.hosts)
        controller = BuiltController(CONTROLLER_NODE, namespaces[CONTROLLER_NODE], str(owner))
        self._know(controller, self.controllers)
        self.links += [self._span_link(span.id, span.a, span.b) for span in plan.spans]
        self.links += [self._host_link(host) for host in plan.hosts]
        self._add_channels(controller)
        self.built = True

    @classmethod
    def init(cls) -> None:
        """Mininet raises limits of the whole machine here; ours leaves it as it is."""

    def build(self) -> None:
        """Nothing to build; Mininet would set all addresses anew."""

    def start(self) -> None:
        """Nothing to start: switches and hosts are up since the network was built."""

    def stop(self) -> None:
        """Take the network down, with all that was added to it. A second call does nothing."""
        self._end()

    def interact(self) -> None:
        """The command line; the network is taken down when it ends."""
        NetworkCLI(self)
        self.stop()

    def end_added(self) -> None:
        """End the nodes and links that were added since, and all processes in those nodes."""
        if not (added := [node for node in self.values() if not isinstance(node, LazyNode)]):
            return
        namespaces = frozenset[int]().union(*map(self._namespaces_of, added))
        end_processes(str(self._owner), namespaces)
        with ExitStack() as steps:
            for node in added:
                steps.callback(node.terminate)
            for node in added:
                if node in self.switches:
                    steps.callback(node.stop)

    def end_shells(self) -> None:
        """End the shells of the nodes that were built."""
        with ExitStack() as steps:
            for node in self.values():
                if isinstance(node, LazyNode):
                    steps.callback(node.terminate)

    def addHost(self, name: str, cls: Any = None, **params: Any) -> Node:  # noqa: N802
        """As Mininet's. Raises BuildError for a name that is taken and an unknown parameter."""
        self._check_new(name)
        check_node("addHost()", cls or self.host, params)
        return super().addHost(name, cls, **params)

    def addSwitch(self, name: str, cls: Any = None, **params: Any) -> Node:  # noqa: N802
        """As Mininet's; its bridge is known as the network's. Raises as `addHost`."""
        self._check_new(name)
        check_node("addSwitch()", cls or AddedSwitch, params)
        if cls is None:
            params["owner"] = str(self._owner)
        return super().addSwitch(name, cls or AddedSwitch, **params)

    def addLink(  # noqa: N802
        self, node1: Any, node2: Any, port1: int | None = None, port2: int | None = None,
        cls: Any = None, **params: Any,
    ) -> Link:  # fmt: skip
        """As Mininet's, with `attach` for the ends at switches that run.

        Raises BuildError for an unknown node or parameter, and for what tc refuses.
        """
        ends = [self._known(node) for node in (node1, node2)]
        chosen = check_link(cls or self.link, params)
        before = {end: set(end.intfs.values()) for end in ends}
        try:
            link = super().addLink(*ends, port1=port1, port2=port2, cls=cls, **chosen)
        except Exception:
            for end, devices in before.items():
                forget_added(end, devices)
            raise
        for end in (link.intf1, link.intf2):
            if end.node in self.switches:
                self._take(end)
        return link

    def addController(self, *_args: Any, **_params: Any) -> None:  # noqa: N802
        """Raises BuildError: which controller a switch has is in the plan."""
        raise BuildError(
            "the switches of a built network have the plan's controller: start yours with "
            "net.get('controller').popen(...); it is reached on TCP port 6653"
        )

    def addNAT(self, *_args: Any, **_params: Any) -> None:  # noqa: N802
        """Raises BuildError: Mininet's NAT changes the firewall of the machine itself."""
        raise BuildError("a built network has no way out into the machine's own network (addNAT)")

    def delNode(self, node: Node, nodes: list[Node] | None = None) -> None:  # noqa: N802
        """Delete a node with its links, and end its processes."""
        for link in [link for link in self.links if node in (link.intf1.node, link.intf2.node)]:
            self.delLink(link)
        end_processes("", self._namespaces_of(node))
        super().delNode(node, nodes)

    def iperf(
        self,
        hosts: Sequence[Node] | None = None,
        l4Type: str = "TCP",  # noqa: N803
        udpBw: str = "10M",  # noqa: N803
        fmt: str | None = None,
        seconds: int = 5,
        port: int = 5001,
    ) -> list[str]:
        """As Mininet's, from the first of two hosts to the second, and without its `killall`.

        Raises BuildError when iperf gives no result.
        """
        client, server = hosts or (self.hosts[0], self.hosts[-1])
        output(f"*** Iperf: testing {l4Type} bandwidth between {client} and {server}\n")
        test = IperfTest(l4Type, udpBw if l4Type == "UDP" else None, fmt, seconds, port)
        rates = [self._parseIperf(said) for said in test.run(client, server)]
        results = [udpBw, *rates] if l4Type == "UDP" else rates
        output(f"*** Results: {results}\n")
        return results

    def monitor(
        self, hosts: Sequence[Node] | None = None, timeoutms: int = -1
    ) -> Iterator[tuple[Node | None, str | None]]:
        """As Mininet's: the lines that hosts' commands print, as they come."""
        return lines_of(self.hosts if hosts is None else hosts, timeoutms)

    def configLinkStatus(self, src: str, dst: str, status: str) -> None:  # noqa: N802
        """Bring all links between two nodes up or down, at both ends, and see that they are.

        Raises LinkStatusError for an unknown node or status, for nodes that no link
        joins, and when the kernel refuses.
        """
        for name in (src, dst):
            if name not in self.nameToNode:
                raise LinkStatusError(f"no node {name!r} in this network")
        if status not in ("up", "down"):
            raise LinkStatusError(f"a link is brought 'up' or 'down', not {status!r}")
        connections = self[src].connectionsTo(self[dst])
        if not connections:
            raise LinkStatusError(f"no link joins {src!r} and {dst!r}")
        for interface in (end for pair in connections for end in pair):
            self._set_status(interface, up=status == "up")

    def _set_status(self, interface: Intf, *, up: bool) -> None:
        try:
            if isinstance(interface, Interface):
                self._set_built(interface, up=up)
            else:
                set_added(interface, up=up)
        except BuildError as error:
            raise LinkStatusError(f"{interface.name} of {interface.node.name}: {error}") from None

    def _set_built(self, interface: Interface, *, up: bool) -> None:
        node = interface.node
        host = self._planned_hosts.get(node.name)
        with node.entered(), RouteSocket() as route:
            if up and host:
                # The kernel forgot the routes and the neighbour when the device went down.
                route.run(host_address_requests(host))
            else:
                route.run([set_up(interface.name, interface.index, up)])
            if is_up(route, interface.index) != up:
                raise BuildError(f"it did not go {'up' if up else 'down'}")

    def _take(self, end: Intf) -> None:
        """Make an added device at a switch one of the network's, and a port of the switch."""
        with RouteSocket() as route:
            index = socket.if_nametoindex(end.name)
            route.run([set_group(end.name, index, self._owner.group)])
        if isinstance(end.node, BuiltSwitch):
            end.node.attach(end)

    @staticmethod
    def _namespaces_of(node: Node) -> frozenset[int]:
        """The network namespace of a node (inode), if it has one of its own."""
        if isinstance(node, LazyNode):
            return frozenset({node.namespace.inode} if node.namespace else ())
        return namespaces_of([node.pid] if node.shell else [])

    def _check_new(self, name: str) -> None:
        if name in self.nameToNode:
            raise BuildError(f"there is a node {name!r} in this network already")

    def _known(self, node: Node | str) -> Node:
        name = node if isinstance(node, str) else node.name
        if name not in self.nameToNode:
            raise BuildError(f"no node {name!r} in this network")
        return self.nameToNode[name]

    def _know(self, node: LazyNode, nodes: list[LazyNode]) -> None:
        nodes.append(node)
        self.nameToNode[node.name] = node

    def _span_link(self, span_id: str, a: PlannedPort, b: PlannedPort) -> BuiltLink:
        return BuiltLink(self._port(a), self._port(b), span_id)

    def _host_link(self, host: PlannedHost) -> BuiltLink:
        node = self[host.name]
        device = Interface(HOST_DEVICE, node, 0, HOST_DEVICE_INDEX, host.mac, host.ip)
        return BuiltLink(device, self._port(host.port))

    def _port(self, port: PlannedPort) -> Interface:
        index = self._indices.ports[port.interface]
        return Interface(port.interface, self[port.switch], port.number, index, port_mac(port))

    def _add_channels(self, controller: BuiltController) -> None:
        for number, switch in enumerate(self.plan.switches):
            index = HOST_DEVICE_INDEX + number
            Interface(switch.name, controller, number, index, ip=switch.controller_address)


class NetworkCLI(CLI):
    """Mininet's command line, which goes on after a refused command.

    Nodes may have a hyphen in their name; to Mininet's own one it ends the first word.
    """

    identchars = CLI.identchars + "-"

    def do_source(self, line: str) -> None:
        """Read commands from a file, which may name others; Mininet's own forgets the first."""
        outer = self.inputFile
        super().do_source(line)
        self.inputFile: Any = outer

    def onecmd(self, line: str) -> bool:
        """Do one command; True ends the session."""
        try:
            return bool(super().onecmd(line))
        except BuildError as error:
            self.stdout.write(f"*** {error}\n")
            return False
