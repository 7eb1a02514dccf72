"""The rules of one switch, written from routes and repairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Self

from controller.classify import COPY_CLASS, classifying, serves_classes
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
    groups_used,
)
from controller.steering import Steering
from topologies.plan import GATEWAY_MAC, NetworkPlan, site_prefix

# Marks a packet that was repaired once: it is not repaired again, so nothing loops.
REPAIRED_MAC = "02:00:00:00:00:02"

_MISS, _PREFIX, _REPAIRED_PREFIX, _HOST = 0, 100, 200, 300
_STEERED, _NOT_STEERED = 200, 100
_CHAIN_BIT = 1 << 31
_HASH_BITS = 20
# Many switches have rules for the same packets; one object for all saves time and room.
_SHARED_KEYS = 1 << 16


class RuleWriter:
    """Collects what one switch needs; equal needs become one rule."""

    def __init__(self, plan: NetworkPlan, graph: Graph, site: int) -> None:
        self.switch = plan.switches[site]
        self._plan = plan
        self._graph = graph
        self._site = site
        self._class_of_label = (COPY_CLASS,) if serves_classes(plan) else ()
        self._flows: dict[FlowKey, Flow] = {}
        self._groups: dict[int, Group] = {}
        self._numbers: dict[tuple[int, ...], int] = {}
        self._ports = {
            span: graph.spans[span].port_at(self.switch.name).number
            for _, _, span in graph.arcs[site]
        }
        self._write_fixed()

    def copy(self) -> Self:
        """Another writer of the same switch that goes on from here."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._flows = self._flows.copy()
        twin._groups = self._groups.copy()
        twin._numbers = self._numbers.copy()
        return twin

    def finished(self) -> SwitchRules:
        """All the rules of the switch, with the groups that they lead to."""
        return SwitchRules(self._flows.copy(), groups_used(self._flows.values(), self._groups))

    def forward(self, destination: int, span: int, repair: Steering | None) -> None:
        """Plain packets for a switch go over a span, or the repaired way when its port is dead."""
        actions: tuple[Action, ...] = _over(self._port(span))
        if repair is not None:
            # A repair may lead back to where the packet came from (on a ring it always does).
            actions = (DecrementTtl(), ForgetPort(), ToGroup(self._failover(span, repair)))
        self._put(_plain_key(self._dpid(destination)), actions)

    def drop_forward(self, destination: int) -> None:
        """Plain packets for a switch go nowhere."""
        del self._flows[_plain_key(self._dpid(destination))]

    def forward_repaired(self, destination: int, span: int) -> None:
        """Packets that were repaired and have no label left go over a span, or nowhere."""
        self._put(_repaired_key(self._dpid(destination)), _over(self._port(span)))

    def drop_repaired(self, destination: int) -> None:
        """Packets that were repaired, for a switch, go nowhere."""
        del self._flows[_repaired_key(self._dpid(destination))]

    def lead_to_label(self, steered_span: int, edge: int, span: int) -> None:
        """Packets with the label of a span that leaves from `edge` go over another, towards it."""
        self.lead_label(span_label(self._graph, steered_span, edge), span)

    def drop_label(self, steered_span: int, edge: int) -> None:
        """Packets with the label of a span that leaves from `edge` go nowhere."""
        del self._flows[_label_key(span_label(self._graph, steered_span, edge))]

    def lead_label(self, label: int, span: int) -> None:
        """Packets with a label go over a span and keep it."""
        self._put(_label_key(label), _labelled_over(self._port(span)))

    def leave_by_label(self, span: int) -> None:
        """Packets with the label of a span from here leave over it, without the label."""
        label = span_label(self._graph, span, self._site)
        for bottom, below in ((1, ETH_IPV4), (0, ETH_MPLS)):
            actions = (PopLabel(below), Output(self._port(span)))
            self._put(_label_key(label, bottom), actions)

    def drop_end_of_label(self, span: int) -> None:
        """Packets with the label of a span from here go nowhere."""
        for bottom in (0, 1):
            del self._flows[_label_key(span_label(self._graph, span, self._site), bottom)]

    def end_label(self, label: int, span: int) -> None:
        """Packets whose last label is this one leave over a span, without it."""
        self._put(_label_key(label, 1), (PopLabel(ETH_IPV4), Output(self._port(span))))

    def enter(self, destination: int, ways: Sequence[tuple[int, int | None]]) -> None:
        """Plain packets for a switch take the first way whose port is live.

        ways: the span to leave by, and the label to leave with, if any.
        """
        ports = [(self._port(span), label) for span, label in ways]
        content = tuple(number for port, label in ports for number in (port, label or 0))
        number = self._number(ports[0][0], content)
        buckets = tuple(
            Bucket(tuple(self._pushes([] if label is None else [label], port)), watch_port=port)
            for port, label in ports
        )
        self._groups[number] = Group(number, GroupKind.FAST_FAILOVER, buckets)
        self._put(_plain_key(self._dpid(destination)), (DecrementTtl(), ToGroup(number)))

    def _write_fixed(self) -> None:
        # Said explicitly: what a switch does by itself on a miss differs by version and setting.
        for table in Table:
            self._put(FlowKey(table, _MISS, Match()), ())
        for flow in classifying(self._plan):
            self._flows[flow.key] = flow
        not_steered = FlowKey(Table.LABELS, _NOT_STEERED, Match(eth_type=ETH_IPV4))
        self._put(not_steered, (), Table.ADDRESSES)
        for host in self._plan.hosts:
            if host.port.switch == self.switch.name:
                match = Match(eth_type=ETH_IPV4, ipv4_dst=f"{host.ip}/32")
                actions = (
                    DecrementTtl(),
                    SetField("eth_src", GATEWAY_MAC),
                    SetField("eth_dst", host.mac),
                    Output(host.port.number),
                )
                self._put(FlowKey(Table.ADDRESSES, _HOST, match), actions)

    def _put(self, key: FlowKey, actions: tuple[Action, ...], goto: Table | None = None) -> None:
        self._flows[key] = Flow(key, actions, goto)

    def _failover(self, span: int, repair: Steering) -> int:
        port, exit_port = self._port(span), self._port(repair.exit_span)
        labels = [span_label(self._graph, s.span, s.edge) for s in repair.segments]
        number = self._number(port, (port, exit_port, *labels))
        if number not in self._groups:
            mark = SetField("eth_dst", REPAIRED_MAC)
            buckets = (
                Bucket((Output(port),), watch_port=port),
                Bucket((mark, *self._pushes(labels, exit_port)), watch_port=exit_port),
            )
            self._groups[number] = Group(number, GroupKind.FAST_FAILOVER, buckets)
        return number

    def _pushes(self, labels: list[int], port: int) -> Iterator[Action]:
        """Actions of one bucket: push the innermost label, then hand over for the rest."""
        if not labels:
            yield Output(port)
            return
        yield PushLabel()
        yield SetField("mpls_label", labels[-1])
        yield from self._class_of_label
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

    def _dpid(self, site: int) -> int:
        return self._plan.switches[site].dpid


@lru_cache(_SHARED_KEYS)
def _plain_key(dpid: int) -> FlowKey:
    match = Match(eth_type=ETH_IPV4, eth_dst=GATEWAY_MAC, ipv4_dst=site_prefix(dpid))
    return FlowKey(Table.ADDRESSES, _PREFIX, match)


@lru_cache(_SHARED_KEYS)
def _repaired_key(dpid: int) -> FlowKey:
    match = Match(eth_type=ETH_IPV4, eth_dst=REPAIRED_MAC, ipv4_dst=site_prefix(dpid))
    return FlowKey(Table.ADDRESSES, _REPAIRED_PREFIX, match)


@lru_cache(_SHARED_KEYS)
def _label_key(label: int, bottom: int | None = None) -> FlowKey:
    match = Match(eth_type=ETH_MPLS, mpls_label=label, mpls_bos=bottom)
    return FlowKey(Table.LABELS, _STEERED, match)


@lru_cache(_SHARED_KEYS)
def _over(port: int) -> tuple[Action, ...]:
    return (DecrementTtl(), Output(port))


@lru_cache(_SHARED_KEYS)
def _labelled_over(port: int) -> tuple[Action, ...]:
    return (DecrementLabelTtl(), Output(port))
