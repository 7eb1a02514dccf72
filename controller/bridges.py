"""When a network of learning bridges is ready: from the states of their ports."""

from __future__ import annotations

from enum import StrEnum

import networkx as nx

from topologies.plan import NetworkPlan


class BridgePort(StrEnum):
    """A port's state in the spanning tree protocol (IEEE 802.1D, 8.4)."""

    DISABLED = "disabled"
    BLOCKING = "blocking"
    LISTENING = "listening"
    LEARNING = "learning"
    FORWARDING = "forwarding"


_ON_THE_WAY = (BridgePort.LISTENING, BridgePort.LEARNING)


class Bridges:
    """The ports of a plan's switches, by switch and number."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._plan = plan
        self._names = {(h.port.switch, h.port.number): ("host", h.name) for h in plan.hosts}
        for span in plan.spans:
            for end in (span.a, span.b):
                self._names[end.switch, end.number] = ("span", span.id)
        self._switch_of = {switch.dpid: switch.name for switch in plan.switches}
        self._states: dict[tuple[str, int], BridgePort] = {}

    def report(self, dpid: int, port: int, state: BridgePort) -> dict[str, str] | None:
        """A port has a new state. Returns the fields that tell of it, None if it is not ours."""
        switch = self._switch_of.get(dpid, "")
        if (switch, port) not in self._names:
            return None
        self._states[switch, port] = state
        kind, name = self._names[switch, port]
        return {"site": switch, kind: name, "state": state.value}

    @property
    def forward_everywhere(self) -> bool:
        """Whether a tree of spans joins all switches, all hosts are served, and nothing moves."""
        if any(state in _ON_THE_WAY for state in self._states.values()):
            return False
        forwarding = {at for at, state in self._states.items() if state is BridgePort.FORWARDING}
        tree: nx.Graph[str] = nx.Graph()
        tree.add_nodes_from(switch.name for switch in self._plan.switches)
        for span in self._plan.spans:
            ends = {(end.switch, end.number) for end in (span.a, span.b)}
            if ends <= forwarding:
                tree.add_edge(span.a.switch, span.b.switch)
        hosts = {(host.port.switch, host.port.number) for host in self._plan.hosts}
        return hosts <= forwarding and nx.is_connected(tree)
