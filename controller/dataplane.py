"""A data plane without switches: where do these very rules take a packet?

Executes flows, groups and action sets as OpenFlow 1.3 and Open vSwitch define
them, the pitfalls included: a packet never leaves by the port that it came from,
of several pushes in a bucket only the last takes effect, a wrong type below the
last label makes the packet unreadable. Takes the rules that are sent, not the
routes they came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.lookup import FlowTable
from controller.packet import Packet, apply_simple
from controller.rules import (
    Bucket,
    CopyField,
    Flow,
    GroupKind,
    Output,
    PopLabel,
    PushLabel,
    SetField,
    SwitchRules,
    Table,
    ToGroup,
)
from topologies.plan import GATEWAY_MAC, NetworkPlan, PlannedHost

__all__ = ["DataPlane", "Outcome", "Packet", "Trace"]

_TTL = 64


class Outcome(StrEnum):
    """How a packet ended."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    LOOPED = "looped"


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one packet went.

    sites: the switches that it passed, in order. spans: the spans between them.
    stacks: its labels on each of these spans, the outermost first; classes: the labels'
    traffic classes; queues: the queues through which it left, None where none was chosen.
    reason: why it was not delivered.
    """

    outcome: Outcome
    sites: tuple[str, ...]
    spans: tuple[str, ...]
    stacks: tuple[tuple[int, ...], ...]
    classes: tuple[tuple[int, ...], ...] = ()
    queues: tuple[int | None, ...] = ()
    reason: str = ""

    @property
    def most_labels(self) -> int:
        """The greatest depth of its label stack on any span."""
        return max((len(stack) for stack in self.stacks), default=0)


@dataclass(frozen=True, slots=True)
class _Switch:
    rules: SwitchRules
    tables: Mapping[Table, FlowTable]


class DataPlane:
    """The switches of a plan with their rules; ports are dead where their span has failed."""

    def __init__(self, plan: NetworkPlan, rules: Mapping[str, SwitchRules]) -> None:
        self._switches = {site: _indexed(held) for site, held in rules.items()}
        self._span_at: dict[tuple[str, int], tuple[str, str, int]] = {}
        self._host_at = {(host.port.switch, host.port.number): host for host in plan.hosts}
        for span in plan.spans:
            for near, far in ((span.a, span.b), (span.b, span.a)):
                self._span_at[near.switch, near.number] = (span.id, far.switch, far.number)

    def send(
        self,
        source: PlannedHost,
        target: PlannedHost,
        failed: AbstractSet[str] = frozenset(),
        *,
        dscp: int = 0,
    ) -> Trace:
        """One packet between two hosts while the spans named in `failed` are dead."""
        packet = Packet(GATEWAY_MAC, target.ip, _TTL, source.port.number, dscp=dscp)
        return self.carry(packet, source.port.switch, failed)

    def carry(self, packet: Packet, site: str, failed: AbstractSet[str] = frozenset()) -> Trace:
        """One packet that has come in at a site."""
        trace = Trace(Outcome.DELIVERED, (site,), (), ())
        seen: set[tuple[str, Packet]] = set()
        while True:
            where = (trace.sites[-1], replace(packet, ttl=0, label_ttls=()))
            if where in seen:
                return replace(trace, outcome=Outcome.LOOPED, reason="the same state twice")
            seen.add(where)
            outputs = list(self._pipeline(trace.sites[-1], packet, failed))
            if len(outputs) != 1:
                return _lost(trace, f"{len(outputs)} outputs")
            port, packet = outputs[0]
            if (trace.sites[-1], port) not in self._span_at:
                return self._arrival(port, packet, trace)
            span, site, far_port = self._span_at[trace.sites[-1], port]
            if span in failed:
                return _lost(trace, f"sent into the failed span {span}")
            trace = replace(
                trace,
                sites=(*trace.sites, site),
                spans=(*trace.spans, span),
                stacks=(*trace.stacks, packet.labels),
                classes=(*trace.classes, packet.label_classes),
                queues=(*trace.queues, packet.queue),
            )
            packet = replace(packet, in_port=far_port, queue=None, register=0)

    def _arrival(self, port: int, packet: Packet, trace: Trace) -> Trace:
        host = self._host_at.get((trace.sites[-1], port))
        if host is None:
            return _lost(trace, f"port {port} leads nowhere")
        if packet.labels or (host.ip, host.mac) != (packet.ipv4_dst, packet.eth_dst):
            return _lost(trace, f"{host.name} does not accept it")
        return trace

    def _pipeline(
        self, site: str, packet: Packet, failed: AbstractSet[str]
    ) -> Iterator[tuple[int, Packet]]:
        table: Table | None = Table.CLASSES
        while table is not None:
            flow = self._switches[site].tables[table].best(packet)
            if flow is None:
                return
            for action in flow.actions:
                if isinstance(action, Output | ToGroup):
                    yield from self._emit(site, action, packet, failed)
                    continue
                changed = apply_simple(action, packet)
                if changed is None:
                    return
                packet = changed
            table = flow.goto

    def _emit(
        self, site: str, action: Output | ToGroup, packet: Packet, failed: AbstractSet[str]
    ) -> Iterator[tuple[int, Packet]]:
        if isinstance(action, Output):
            if action.port != packet.in_port:
                yield action.port, packet
            return
        group = self._switches[site].rules.groups[action.group]
        buckets = [b for b in group.buckets if self._live(site, b, failed)]
        if group.kind is GroupKind.FAST_FAILOVER:
            buckets = buckets[:1]
        for bucket in buckets:
            yield from self._action_set(site, bucket, packet, failed)

    def _live(self, site: str, bucket: Bucket, failed: AbstractSet[str]) -> bool:
        if bucket.watch_port is None:
            return True
        span = self._span_at.get((site, bucket.watch_port))
        return span is None or span[0] not in failed

    def _action_set(
        self, site: str, bucket: Bucket, packet: Packet, failed: AbstractSet[str]
    ) -> Iterator[tuple[int, Packet]]:
        # In a fixed order (OpenFlow 1.3.5, 5.10): of each kind the last one counts, and the
        # setting of fields is done as it is written.
        kept = {type(action): action for action in bucket.actions}
        setting = [a for a in bucket.actions if isinstance(a, SetField | CopyField)]
        single = [kept[kind] for kind in (PopLabel, PushLabel) if kind in kept]
        changed: Packet | None = packet
        for action in (*single, *setting):
            changed = None if changed is None else apply_simple(action, changed)
        if changed is None:
            return
        last = kept.get(ToGroup) or kept.get(Output)
        if isinstance(last, Output | ToGroup):
            yield from self._emit(site, last, changed, failed)


def _lost(trace: Trace, reason: str) -> Trace:
    return replace(trace, outcome=Outcome.DROPPED, reason=reason)


def _indexed(rules: SwitchRules) -> _Switch:
    by_table: dict[Table, list[Flow]] = {table: [] for table in Table}
    for flow in rules.flows.values():
        by_table[flow.key.table].append(flow)
    return _Switch(rules, {table: FlowTable(flows) for table, flows in by_table.items()})
