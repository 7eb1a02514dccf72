"""What switches say, as plain data: their rules with their contents, their ports. Imports Ryu."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Any

from ryu.ofproto import ofproto_v1_3 as ofp
from ryu.ofproto import ofproto_v1_3_parser as wire

from controller.changes import Stock
from controller.liveness import PortState
from controller.rules import (
    Action,
    Bucket,
    CopyField,
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
    SetQueue,
    SwitchRules,
    Table,
    ToGroup,
)

UNREADABLE = Output(-1)
"""Stands for an action that we never use; no rule of ours is equal to one that has it."""
_KINDS = {ofp.OFPGT_INDIRECT: GroupKind.INDIRECT, ofp.OFPGT_FF: GroupKind.FAST_FAILOVER}


def port_state(port: Any) -> PortState:
    """How a port is, by its description.

    Open vSwitch clears OFPPS_LIVE when BFD says that the far end cannot be heard.
    """
    if port.config & ofp.OFPPC_PORT_DOWN:
        return PortState.TAKEN_DOWN
    if port.state & ofp.OFPPS_LINK_DOWN:
        return PortState.NO_CARRIER
    return PortState.LIVE if port.state & ofp.OFPPS_LIVE else PortState.NOT_HEARD


def stock_of(flow_stats: Iterable[Any], group_stats: Iterable[Any]) -> Stock:
    """What the replies to `openflow.stock_requests` say."""
    known: dict[FlowKey, Flow] = {}
    foreign = []
    for entry in flow_stats:
        key = _flow_key(entry)
        if key is None:
            foreign.append(entry)
        else:
            known[key] = _flow(key, entry.instructions)
    groups = {entry.group_id: _group(entry) for entry in group_stats}
    return Stock(SwitchRules(known, groups), tuple(foreign))


def _flow_key(entry: Any) -> FlowKey | None:
    fields = dict(entry.match.items())
    if "ipv4_dst" in fields:
        fields["ipv4_dst"] = _prefix(fields["ipv4_dst"])
    known = fields.keys() <= Match.__dataclass_fields__.keys()
    masked = any(isinstance(value, tuple) for value in fields.values())
    if not known or masked or entry.table_id not in list(Table):
        return None
    return FlowKey(Table(entry.table_id), entry.priority, Match(**fields))


def _flow(key: FlowKey, instructions: Iterable[Any]) -> Flow:
    actions: tuple[Action, ...] = ()
    goto: Table | None = None
    for instruction in instructions:
        if isinstance(instruction, wire.OFPInstructionGotoTable):
            known = instruction.table_id in list(Table)
            goto = Table(instruction.table_id) if known else None
            actions += () if known else (UNREADABLE,)
        elif getattr(instruction, "type", None) == ofp.OFPIT_APPLY_ACTIONS:
            actions += tuple(_action(action) for action in instruction.actions)
        else:
            actions += (UNREADABLE,)
    return Flow(key, actions, goto)


def _group(entry: Any) -> Group:
    if entry.type not in _KINDS:
        return Group(entry.group_id, GroupKind.INDIRECT, (Bucket((UNREADABLE,)),))
    buckets = tuple(_bucket(bucket) for bucket in entry.buckets)
    return Group(entry.group_id, _KINDS[entry.type], buckets)


def _bucket(bucket: Any) -> Bucket:
    actions = tuple(_action(action) for action in bucket.actions)
    if bucket.watch_group != ofp.OFPG_ANY:
        actions += (UNREADABLE,)
    return Bucket(actions, None if bucket.watch_port == ofp.OFPP_ANY else bucket.watch_port)


def _action(action: Any) -> Action:
    match action:
        case wire.OFPActionOutput(port=port):
            read: Action = Output(port)
        case wire.OFPActionGroup(group_id=number):
            read = ToGroup(number)
        case wire.OFPActionPushMpls():
            read = PushLabel()
        case wire.OFPActionPopMpls(ethertype=eth_type):
            read = PopLabel(eth_type)
        case wire.OFPActionDecNwTtl():
            read = DecrementTtl()
        case wire.OFPActionDecMplsTtl():
            read = DecrementLabelTtl()
        case _:
            read = _setting(action)
    return read


def _setting(action: Any) -> Action:
    match action:
        case wire.OFPActionSetField(key=name, value=value):
            read: Action = SetField(name, value)
        case wire.NXActionRegMove(
            src_field=source, dst_field=target, n_bits=bits, src_ofs=0, dst_ofs=0
        ):
            read = CopyField(source, target, bits)
        case wire.OFPActionSetQueue(queue_id=queue):
            read = SetQueue(queue)
        case wire.NXActionRegLoad(dst="in_port_nxm", value=0):
            read = ForgetPort()
        case _:
            read = UNREADABLE
    return read


def _prefix(value: str | tuple[str, str]) -> str:
    return f"{value}/32" if isinstance(value, str) else str(IPv4Network("/".join(value)))
