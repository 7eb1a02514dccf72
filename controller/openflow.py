"""Rules as OpenFlow 1.3 messages. Imports Ryu; `readback` is the way back."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Any

from ryu.ofproto import ofproto_v1_3 as ofp
from ryu.ofproto import ofproto_v1_3_parser as wire

from controller.changes import (
    Barrier,
    Change,
    DeleteFlow,
    DeleteForeign,
    DeleteGroup,
    PutFlow,
    PutGroup,
)
from controller.rules import (
    ETH_MPLS,
    Action,
    Bucket,
    CopyField,
    DecrementLabelTtl,
    DecrementTtl,
    Flow,
    ForgetPort,
    Group,
    GroupKind,
    Match,
    Output,
    PopLabel,
    PushLabel,
    SetField,
    SetQueue,
    ToGroup,
)

Datapath = Any  # Ryu has no types

# Open vSwitch (2.6 and later) takes this command, OFPGC11_ADD_OR_MOD, in OpenFlow
# 1.3 too. The standard's «add» fails on a group that is there already, which is
# the case whenever a switch comes back with what it held.
GROUP_ADD_OR_MODIFY = 0x8000
# An offset of 0 and a length of 16 bits, the latter less one, as the action counts.
_ALL_16_BITS = 15
_KINDS = {GroupKind.INDIRECT: ofp.OFPGT_INDIRECT, GroupKind.FAST_FAILOVER: ofp.OFPGT_FF}


def messages(datapath: Datapath, changes: Iterable[Change]) -> list[Any]:
    """One message per change, in the same order."""
    return [_message(datapath, change) for change in changes]


def stock_requests(datapath: Datapath) -> list[Any]:
    """Ask for all flows and groups."""
    return [wire.OFPFlowStatsRequest(datapath), wire.OFPGroupDescStatsRequest(datapath)]


def announcement(datapath: Datapath, port: int, frame: bytes) -> Any:
    """Send a frame out of a port."""
    return wire.OFPPacketOut(
        datapath,
        buffer_id=ofp.OFP_NO_BUFFER,
        in_port=ofp.OFPP_CONTROLLER,
        actions=[wire.OFPActionOutput(port)],
        data=frame,
    )


def _message(datapath: Datapath, change: Change) -> Any:
    match change:
        case PutGroup(group):
            return _group_message(datapath, group)
        case PutFlow(flow):
            return _flow_message(datapath, flow)
        case DeleteFlow(key):
            return _deletion(datapath, key.table, key.priority, _match(key.match))
        case DeleteForeign(entry):
            raw: Any = entry
            return _deletion(datapath, raw.table_id, raw.priority, raw.match)
        case DeleteGroup(number):
            return wire.OFPGroupMod(datapath, command=ofp.OFPGC_DELETE, group_id=number)
        case Barrier():
            return wire.OFPBarrierRequest(datapath)


def _deletion(datapath: Datapath, table: int, priority: int, match: Any) -> Any:
    return wire.OFPFlowMod(
        datapath,
        command=ofp.OFPFC_DELETE_STRICT,
        table_id=table,
        priority=priority,
        match=match,
        out_port=ofp.OFPP_ANY,
        out_group=ofp.OFPG_ANY,
    )


def _flow_message(datapath: Datapath, flow: Flow) -> Any:
    instructions: list[Any] = []
    if flow.actions:
        actions = [_action(action) for action in flow.actions]
        instructions.append(wire.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions))
    if flow.goto is not None:
        instructions.append(wire.OFPInstructionGotoTable(flow.goto))
    return wire.OFPFlowMod(
        datapath,
        command=ofp.OFPFC_ADD,
        table_id=flow.key.table,
        priority=flow.key.priority,
        match=_match(flow.key.match),
        instructions=instructions,
    )


def _group_message(datapath: Datapath, group: Group) -> Any:
    return wire.OFPGroupMod(
        datapath,
        command=GROUP_ADD_OR_MODIFY,
        type_=_KINDS[group.kind],
        group_id=group.number,
        buckets=[_bucket(bucket) for bucket in group.buckets],
    )


def _bucket(bucket: Bucket) -> Any:
    return wire.OFPBucket(
        watch_port=ofp.OFPP_ANY if bucket.watch_port is None else bucket.watch_port,
        watch_group=ofp.OFPG_ANY,
        actions=[_action(action) for action in bucket.actions],
    )


def _action(action: Action) -> Any:
    made: Any
    match action:
        case PushLabel():
            made = wire.OFPActionPushMpls(ETH_MPLS)
        case PopLabel(eth_type):
            made = wire.OFPActionPopMpls(eth_type)
        case DecrementTtl():
            made = wire.OFPActionDecNwTtl()
        case DecrementLabelTtl():
            made = wire.OFPActionDecMplsTtl()
        case Output(port):
            made = wire.OFPActionOutput(port)
        case ToGroup(group):
            made = wire.OFPActionGroup(group)
        case SetField() | CopyField() | SetQueue() | ForgetPort():
            made = _setting(action)
    return made


def _setting(action: SetField | CopyField | SetQueue | ForgetPort) -> Any:
    made: Any
    match action:
        case SetField(name, value):
            made = wire.OFPActionSetField(**{name: value})
        case CopyField(source, target, bits):
            # OpenFlow has this from 1.5 on; Open vSwitch's own action has it in 1.3.
            made = wire.NXActionRegMove(src_field=source, dst_field=target, n_bits=bits)
        case SetQueue(queue):
            made = wire.OFPActionSetQueue(queue)
        case ForgetPort():
            # Standard OpenFlow cannot write this field; Open vSwitch's own action can.
            made = wire.NXActionRegLoad(ofs_nbits=_ALL_16_BITS, dst="in_port_nxm", value=0)
    return made


def _match(match: Match) -> Any:
    fields: dict[str, Any] = {
        name: value
        for name in ("eth_type", "eth_dst", "ip_dscp", "mpls_label", "mpls_tc", "mpls_bos")
        if (value := getattr(match, name)) is not None
    }
    if match.ipv4_dst is not None:
        network = IPv4Network(match.ipv4_dst)
        fields["ipv4_dst"] = (str(network.network_address), str(network.netmask))
    return wire.OFPMatch(**fields)
