"""The rules of one switch, written from routes and repairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from controller.graph import Graph
from controller.labels import span_label
from controller.rules import (
    ETH_IPV4,
    ETH_MPLS,
    Action,
    Bucket,
    DecrementLabelTtl,
    DecrementTtl,
    Flow,
    FlowKey,
    ForgetPort,
    Group,
    GroupKind,
    Match,
    Output,
    PopLabel,
    PushLabel,
    SetField,
    SwitchRules,
    Table,
    ToGroup,
)
from controller.steering import Segment
from topologies.plan import GATEWAY_MAC, NetworkPlan, site_prefix

# Marks a packet that was repaired once: it is not repaired again, so nothing loops.
REPAIRED_MAC = "02:00:00:00:00:02"

_MISS, _PREFIX, _REPAIRED_PREFIX, _HOST = 0, 100, 200, 300
_STEERED, _NOT_STEERED = 200, 100
_CHAIN_BIT = 1 << 31
_HASH_BITS = 20


@dataclass(frozen=True, slots=True)
class RepairedWay:
    """The span to leave by and the segments from its far end, outermost first."""

    exit_span: int
    segments: tuple[Segment, ...]


class RuleWriter:
    """Collects what one switch needs; equal needs become one rule."""

    def __init__(self, plan: NetworkPlan, graph: Graph, site: int) -> None:
        self.switch = plan.switches[site]
        self._plan = plan
        self._graph = graph
        self._site = site
        self._flows: dict[FlowKey, Flow] = {}
        self._groups: dict[int, Group] = {}
        self._numbers: dict[tuple[int, ...], int] = {}
        self._ports = {
            span: graph.spans[span].port_at(self.switch.name).number
            for _, _, span in graph.arcs[site]
        }
        self._write_fixed()

    def finished(self) -> SwitchRules:
        """All the rules of the switch."""
        return SwitchRules(self._flows, self._groups)

    def forward(self, destination: int, span: int, way: RepairedWay | None) -> None:
        """Plain packets for a site go over a span, or the repaired way when its port is dead."""
        match = Match(eth_type=ETH_IPV4, eth_dst=GATEWAY_MAC, ipv4_dst=self._prefix_of(destination))
        actions: tuple[Action, ...] = (DecrementTtl(), Output(self._port(span)))
        if way is not None:
            # A repair may lead back to where the packet came from (on a ring it always does).
            actions = (DecrementTtl(), ForgetPort(), ToGroup(self._failover(span, way)))
        self._add(Table.ADDRESSES, _PREFIX, match, actions)

    def forward_repaired(self, destination: int, span: int) -> None:
        """Packets that were repaired and have no label left go over a span, or nowhere."""
        match = Match(
            eth_type=ETH_IPV4, eth_dst=REPAIRED_MAC, ipv4_dst=self._prefix_of(destination)
        )
        actions = (DecrementTtl(), Output(self._port(span)))
        self._add(Table.ADDRESSES, _REPAIRED_PREFIX, match, actions)

    def lead_to_label(self, steered_span: int, edge: int, span: int) -> None:
        """Packets with the label of a span that leaves from `edge` go over another, towards it."""
        label = span_label(self._graph, steered_span, edge)
        actions = (DecrementLabelTtl(), Output(self._port(span)))
        self._add(Table.LABELS, _STEERED, Match(eth_type=ETH_MPLS, mpls_label=label), actions)

    def leave_by_label(self, span: int) -> None:
        """Packets with the label of a span from here leave over it, without the label."""
        label = span_label(self._graph, span, self._site)
        for bottom, below in ((1, ETH_IPV4), (0, ETH_MPLS)):
            match = Match(eth_type=ETH_MPLS, mpls_label=label, mpls_bos=bottom)
            actions = (PopLabel(below), Output(self._port(span)))
            self._add(Table.LABELS, _STEERED, match, actions)

    def _write_fixed(self) -> None:
        # Said explicitly: what a switch does by itself on a miss differs by version and setting.
        for table in Table:
            self._add(table, _MISS, Match(), ())
        self._add(Table.LABELS, _NOT_STEERED, Match(eth_type=ETH_IPV4), (), Table.ADDRESSES)
        for host in self._plan.hosts:
            if host.port.switch == self.switch.name:
                match = Match(eth_type=ETH_IPV4, ipv4_dst=f"{host.ip}/32")
                actions = (
                    DecrementTtl(),
                    SetField("eth_src", GATEWAY_MAC),
                    SetField("eth_dst", host.mac),
                    Output(host.port.number),
                )
                self._add(Table.ADDRESSES, _HOST, match, actions)

    def _add(
        self,
        table: Table,
        priority: int,
        match: Match,
        actions: tuple[Action, ...],
        goto: Table | None = None,
    ) -> None:
        key = FlowKey(table, priority, match)
        self._flows[key] = Flow(key, actions, goto)

    def _failover(self, span: int, way: RepairedWay) -> int:
        port, exit_port = self._port(span), self._port(way.exit_span)
        labels = [span_label(self._graph, s.span, s.edge) for s in way.segments]
        mark = SetField("eth_dst", REPAIRED_MAC)
        buckets = (
            Bucket((Output(port),), watch_port=port),
            Bucket((mark, *self._pushes(labels, exit_port)), watch_port=exit_port),
        )
        number = self._number(port, (port, exit_port, *labels))
        self._groups[number] = Group(number, GroupKind.FAST_FAILOVER, buckets)
        return number

    def _pushes(self, labels: list[int], port: int) -> Iterator[Action]:
        """Actions of one bucket: push the innermost label, then hand over for the rest."""
        if not labels:
            yield Output(port)
            return
        yield PushLabel()
        yield SetField("mpls_label", labels[-1])
        yield ToGroup(self._chain(labels[:-1], port)) if labels[:-1] else Output(port)

    def _chain(self, labels: list[int], port: int) -> int:
        number = self._number(_CHAIN_BIT >> _HASH_BITS | port, (port, *labels))
        bucket = Bucket(tuple(self._pushes(labels, port)))
        self._groups[number] = Group(number, GroupKind.INDIRECT, (bucket,))
        return number

    def _number(self, block: int, content: tuple[int, ...]) -> int:
        """A group's number, from its content: a group that changes gets another number.

        So an update adds the new group, points the flows to it, and only then removes
        the old one. Two contents of one block that get the same number stay apart here
        and are told to the switch as a modification.
        """
        key = (block, *content)
        if key not in self._numbers:
            digest = hashlib.blake2b(repr(key).encode(), digest_size=4).digest()
            low = int.from_bytes(digest) % (1 << _HASH_BITS)
            while (block << _HASH_BITS | low) in self._groups:
                low = (low + 1) % (1 << _HASH_BITS)
            self._numbers[key] = block << _HASH_BITS | low
        return self._numbers[key]

    def _port(self, span: int) -> int:
        return self._ports[span]

    def _prefix_of(self, site: int) -> str:
        return site_prefix(self._plan.switches[site].dpid)
