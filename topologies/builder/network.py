"""The network as a Mininet object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext

from mininet.cli import CLI
from mininet.net import Mininet

from topologies.builder.devices import (
    HOST_DEVICE,
    HOST_DEVICE_INDEX,
    Indices,
    host_address_requests,
    port_mac,
)
from topologies.builder.errors import LinkStatusError
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
from topologies.builder.requests import set_up
from topologies.plan import NetworkPlan, PlannedHost, PlannedPort

CONTROLLER_NODE = "controller"


class Network(Mininet):
    """A built network: Mininet's interface to what the plan describes."""

    def __init__(
        self,
        plan: NetworkPlan,
        indices: Indices,
        namespaces: Mapping[str, Namespace],
        switches: list[BuiltSwitch],
        undo: Callable[[], None],
    ) -> None:
        super().__init__(topo=None, controller=None, build=False)
        self.plan = plan
        self._undo: Callable[[], None] | None = undo
        self._indices = indices
        self._planned_hosts = {host.name: host for host in plan.hosts}
        for switch in switches:
            self._know(switch, self.switches)
        for host in plan.hosts:
            self._know(BuiltHost(host.name, namespaces[host.name], ip=host.ip), self.hosts)
        controller = BuiltController(CONTROLLER_NODE, namespaces[CONTROLLER_NODE])
        self._know(controller, self.controllers)
        self.links += [self._span_link(span.id, span.a, span.b) for span in plan.spans]
        self.links += [self._host_link(host) for host in plan.hosts]
        self._add_channels(controller)
        self.built = True

    @classmethod
    def init(cls) -> None:
        """Mininet raises limits of the whole machine here; ours leaves it as it is."""

    def start(self) -> None:
        """Nothing to start: switches and hosts are up since the network was built."""

    def stop(self) -> None:
        """End the shells and undo the build. A second call does nothing."""
        undo, self._undo = self._undo, None
        if undo is None:
            return
        for link in self.links:
            if not isinstance(link, BuiltLink):
                link.stop()
        for node in [*self.controllers, *self.switches, *self.hosts]:
            if not isinstance(node, LazyNode):
                node.stop()
            node.terminate()
        undo()

    def configLinkStatus(self, src: str, dst: str, status: str) -> None:  # noqa: N802
        """Bring all links between two nodes up or down, at both ends.

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

    def _set_status(self, interface: Interface, *, up: bool) -> None:
        node = interface.node
        host = self._planned_hosts.get(node.name)
        with node.namespace.entered() if node.namespace else nullcontext(), RouteSocket() as route:
            if up and host:
                # The kernel forgot the routes and the neighbour when the device went down.
                route.run(host_address_requests(host))
            else:
                route.run([set_up(interface.name, interface.index, up)])

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
    """Mininet's command line, which goes on after a refused `link` command.

    Nodes may have a hyphen in their name; to Mininet's own one it ends the first word.
    """

    identchars = CLI.identchars + "-"

    def onecmd(self, line: str) -> bool:
        """Do one command; True ends the session."""
        try:
            return bool(super().onecmd(line))
        except LinkStatusError as error:
            self.stdout.write(f"*** {error}\n")
            return False
