"""The Ryu application: Ryu's events in, messages out. Imports Ryu; decides nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from ryu import cfg
from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import (
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    HANDSHAKE_DISPATCHER,
    MAIN_DISPATCHER,
    set_ev_cls,
)
from ryu.lib import hub
from ryu.ofproto import ofproto_v1_3 as ofp

from controller import inspection, openflow, readback, sockets
from controller.changes import Barrier, Change
from controller.core import Core
from controller.discovery import frame_of
from controller.effects import Announce, Effect, Log, Send, TakeStock, Wake
from controller.events import EventLog
from controller.health import Timers
from controller.liveness import PortState
from controller.policies import policy_named
from controller.startup import address_problems, read_plan

APP = __name__
_POLL_S = 0.001
# A switch that does not answer for so long is gone, whatever its connection says.
_ECHO_S, _ECHOS = 5.0, 3
_OPTIONS = [
    cfg.StrOpt("fibercut-plan", help="the network's plan, a JSON file"),
    cfg.StrOpt("fibercut-policy", help="the name of the policy"),
    cfg.StrOpt("fibercut-protection", help="what to protect against, if not the policy's own"),
    cfg.StrOpt("fibercut-events", help="the file that events are appended to"),
    cfg.FloatOpt("fibercut-start-up-s", help="when what has not appeared is missing"),
    cfg.StrOpt("fibercut-timers", default="{}", help="timers that differ from the usual, as JSON"),
    cfg.IntOpt("fibercut-inspect-port", help="where to answer questions on the loopback"),
]
cfg.CONF.register_cli_opts(_OPTIONS)
_Handler = TypeVar("_Handler", bound=Callable[..., None])


def _on(event: Any, *states: str) -> Callable[[_Handler], _Handler]:
    """Ryu's decorator for handlers, with the type that it keeps."""
    decorated: Callable[[_Handler], _Handler] = set_ev_cls(event, list(states))
    return decorated


@dataclass
class _Connection:
    """A switch's control channel, and the answers that it owes."""

    datapath: Any
    barriers: dict[int, int] = field(default_factory=dict)
    """Tickets by the transaction number of the barrier that closes them."""
    sent: dict[int, Change] = field(default_factory=dict)
    """What was sent since the last barrier was answered, should it be refused."""
    flow_stats: list[Any] = field(default_factory=list)
    group_stats: list[Any] = field(default_factory=list)


class Fibercut(app_manager.RyuApp):
    """Runs one Core on the switches that connect."""

    OFP_VERSIONS = [ofp.OFP_VERSION]  # noqa: RUF012 - Ryu's own way to declare it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        conf = self.CONF
        conf.set_override("echo_request_interval", _ECHO_S)
        conf.set_override("maximum_unreplied_echo_requests", _ECHOS)
        plan = read_plan(Path(conf.fibercut_plan))
        self._log = EventLog(Path(conf.fibercut_events))
        policy = policy_named(conf.fibercut_policy, conf.fibercut_protection)
        self._core = Core(plan, policy, Timers(**json.loads(conf.fibercut_timers)))
        self._addresses = {switch.dpid: switch.control_address for switch in plan.switches}
        self._connections: dict[str, _Connection] = {}
        sockets.tell_malformed(self._warn)
        sockets.tell_failures(self._warn)

    def start(self) -> Any:
        """Called by Ryu once all applications exist."""
        super().start()
        self._do(self._core.start(_now_s()))
        hub.spawn_after(self.CONF.fibercut_start_up_s, self._start_up_over)
        if self.CONF.fibercut_inspect_port:
            events, port = Path(self.CONF.fibercut_events), self.CONF.fibercut_inspect_port
            hub.spawn(inspection.serve, self._core, events, port)

    def close(self) -> None:
        """Called by Ryu at the end."""
        self._log.close()

    def _start_up_over(self) -> None:
        self._do(self._core.start_up_over(_now_s()))

    def _wake(self) -> None:
        self._do(self._core.woken(_now_s()))

    @_on(ofp_event.EventOFPStateChange, MAIN_DISPATCHER, DEAD_DISPATCHER)
    def on_state_change(self, event: Any) -> None:
        """A connection is usable now, or has ended."""
        datapath = event.datapath
        switch = None if datapath.id is None else self._core.switch_of(datapath.id)
        if event.state == MAIN_DISPATCHER:
            if switch is not None:
                if self._is_impostor(datapath, switch):
                    return
                self._replace(switch, datapath)
            ports = datapath.ports.values()
            states = {port.port_no: readback.port_state(port) for port in ports}
            self._do(self._core.switch_connected(datapath.id, states, _now_s()))
        # A switch that has connected anew may still have an old connection to end.
        elif switch in self._connections and self._connections[switch].datapath is datapath:
            del self._connections[switch]
            self._do(self._core.switch_gone(datapath.id, _now_s()))

    @_on(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def on_port_status(self, event: Any) -> None:
        """A port has changed: carrier, BFD, or its very existence."""
        _, connection = self._sender(event.msg)
        if connection is None:
            return
        port, deleted = event.msg.desc, event.msg.reason == ofp.OFPPR_DELETE
        state = PortState.MISSING if deleted else readback.port_state(port)
        dpid = event.msg.datapath.id
        self._do(self._core.port_reported(dpid, port.port_no, state, _now_s()))

    @_on(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def on_barrier_reply(self, event: Any) -> None:
        """All that was sent before a barrier is in force."""
        _, connection = self._sender(event.msg)
        if connection is not None and event.msg.xid in connection.barriers:
            ticket = connection.barriers.pop(event.msg.xid)
            if not connection.barriers:
                connection.sent.clear()
            self._do(self._core.acknowledged(ticket, _now_s()))

    @_on(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet_in(self, event: Any) -> None:
        """A link-discovery frame; nothing else is sent to the controller."""
        message = event.msg
        _, connection = self._sender(message)
        if connection is not None:
            port, frame = message.match["in_port"], message.data
            self._do(self._core.link_heard(message.datapath.id, port, frame, _now_s()))

    @_on(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def on_flow_stats(self, event: Any) -> None:
        """A part of a switch's stock."""
        _, connection = self._sender(event.msg)
        if connection is not None:
            connection.flow_stats += event.msg.body

    @_on(ofp_event.EventOFPGroupDescStatsReply, MAIN_DISPATCHER)
    def on_group_stats(self, event: Any) -> None:
        """The rest of a switch's stock."""
        switch, connection = self._sender(event.msg)
        if connection is None:
            return
        connection.group_stats += event.msg.body
        if not event.msg.flags & ofp.OFPMPF_REPLY_MORE:
            # The flows were asked for first, so they have all come.
            stock = readback.stock_of(connection.flow_stats, connection.group_stats)
            connection.flow_stats, connection.group_stats = [], []
            self._do(self._core.stock_taken(switch, stock, _now_s()))

    @_on(ofp_event.EventOFPErrorMsg, HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER, MAIN_DISPATCHER)
    def on_error(self, event: Any) -> None:
        """A switch refuses something."""
        message = event.msg
        _, connection = self._sender(message)
        change = connection.sent.get(message.xid) if connection else None
        what = None if change is None else str(change)
        dpid, kind, code = message.datapath.id, message.type, getattr(message, "code", 0)
        self._do(self._core.switch_error(dpid, kind, code, what, _now_s()))

    def _sender(self, message: Any) -> tuple[str, _Connection | None]:
        dpid = message.datapath.id
        switch = "" if dpid is None else self._core.switch_of(dpid) or ""
        connection = self._connections.get(switch)
        current = connection is not None and connection.datapath is message.datapath
        return switch, connection if current else None

    def _is_impostor(self, datapath: Any, switch: str) -> bool:
        """Whether another machine says that it is a switch which is connected."""
        planned, known = self._addresses[datapath.id], self._connections.get(switch)
        if known is None or known.datapath.address[0] != planned:
            return False
        if datapath.address[0] == planned:
            return False
        fields = {"switch": switch, "address": datapath.address[0], "planned": planned}
        self._warn("duplicate-switch", fields)
        datapath.close()
        return True

    def _replace(self, switch: str, datapath: Any) -> None:
        """The newest connection of a switch counts; what was sent over an older one may be lost."""
        old = self._connections.pop(switch, None)
        if old is not None:
            self._do(self._core.switch_gone(datapath.id, _now_s()))
            old.datapath.close()
        self._connections[switch] = _Connection(datapath)

    def _do(self, effects: Iterable[Effect]) -> None:
        # All of them first: sending may let another event in between.
        for effect in list(effects):
            match effect:
                case Log(event, fields, warning):
                    (self._warn if warning else self._log.write)(event, fields)
                case Wake(at_s):
                    hub.spawn_after(max(0.0, at_s - _now_s()), self._wake)
                case _:
                    self._tell_switch(effect)

    def _tell_switch(self, effect: Send | TakeStock | Announce) -> None:
        connection = self._connections.get(effect.switch)
        if connection is None:
            return  # it has gone meanwhile, and the core has been told or will be
        datapath = connection.datapath
        match effect:
            case Send(_, changes, ticket):
                sent = openflow.messages(datapath, changes)
                numbers = _transmit(datapath, sent)
                connection.barriers[numbers[-1]] = ticket
                for number, change in zip(numbers, changes, strict=True):
                    if not isinstance(change, Barrier):
                        connection.sent[number] = change
            case TakeStock():
                _transmit(datapath, openflow.stock_requests(datapath))
            case Announce(_, ports):
                frames = [(port, frame_of(datapath.id, port)) for port in ports]
                _transmit(datapath, [openflow.announcement(datapath, *one) for one in frames])

    def _warn(self, event: str, fields: Any) -> None:
        self._log.write(event, fields)
        print(f"controller: {event} {json.dumps(fields)}", file=sys.stderr, flush=True)


def _now_s() -> float:
    return time.monotonic()


def _transmit(datapath: Any, messages: list[Any]) -> list[int]:
    """Send messages in one write; returns their transaction numbers."""
    for message in messages:
        datapath.set_xid(message)
        message.serialize()
    datapath.send(b"".join(bytes(message.buf) for message in messages))
    return [int(message.xid) for message in messages]


def serve(arguments: list[str], events: Path | None, address: tuple[str, int]) -> None:
    """Run Ryu's manager until SIGTERM or SIGINT. arguments: those of ryu-manager."""
    with EventLog(events) if events else contextlib.nullcontext() as log:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, functools.partial(_stop, log))
        # Patches more of the standard library when it is imported, so not before.
        from ryu.cmd import manager  # noqa: PLC0415

        hub.spawn(_announce, log, address)
        manager.main(args=arguments, prog="fibercut-controller")


def _announce(log: EventLog | None, address: tuple[str, int]) -> None:
    """Say so once the port is taken, which can only be by us: it was free a moment ago."""
    while not address_problems(*address):
        hub.sleep(_POLL_S)
    if log is not None:
        log.write("listening", {"address": address[0], "port": address[1]})


def _stop(log: EventLog | None, number: int, _frame: FrameType | None) -> NoReturn:
    # Ryu's way to end can hang (with --observe-links it does) and prints a traceback
    # for each switch that is connected. Nothing is left to do: events are written.
    if log is not None:
        log.write("stopping", {"signal": signal.Signals(number).name})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
