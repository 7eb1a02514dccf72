"""The Ryu application: Ryu's events in, messages out. Imports Ryu; decides nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
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

from controller import openflow
from controller.core import Core, Effect, Log, Occasion, Send, TakeStock
from controller.events import EventLog
from controller.policies import policy_named
from controller.startup import address_problems, read_plan

APP = __name__
_POLL_S = 0.001
_OPTIONS = [
    cfg.StrOpt("fibercut-plan", help="the network's plan, a JSON file"),
    cfg.StrOpt("fibercut-policy", help="the name of the policy"),
    cfg.StrOpt("fibercut-protection", help="what to protect against, if not the policy's own"),
    cfg.StrOpt("fibercut-events", help="the file that events are appended to"),
    cfg.FloatOpt("fibercut-start-up-s", help="when what has not appeared is missing"),
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
    barriers: dict[int, Occasion] = field(default_factory=dict)
    flow_stats: list[Any] = field(default_factory=list)
    group_stats: list[Any] = field(default_factory=list)


class Fibercut(app_manager.RyuApp):
    """Runs one Core on the switches that connect."""

    OFP_VERSIONS = [ofp.OFP_VERSION]  # noqa: RUF012 - Ryu's own way to declare it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        conf = self.CONF
        plan = read_plan(Path(conf.fibercut_plan))
        self._log = EventLog(Path(conf.fibercut_events))
        self._core = Core(plan, policy_named(conf.fibercut_policy, conf.fibercut_protection))
        self._connections: dict[str, _Connection] = {}

    def start(self) -> Any:
        """Called by Ryu once all applications exist."""
        super().start()
        self._do(self._core.start())
        hub.spawn_after(self.CONF.fibercut_start_up_s, self._start_up_over)

    def close(self) -> None:
        """Called by Ryu at the end."""
        self._log.close()

    def _start_up_over(self) -> None:
        self._do(self._core.start_up_over())

    @_on(ofp_event.EventOFPStateChange, MAIN_DISPATCHER, DEAD_DISPATCHER)
    def on_state_change(self, event: Any) -> None:
        """A connection is usable now, or has ended."""
        datapath = event.datapath
        site = None if datapath.id is None else self._core.site_of(datapath.id)
        if event.state == MAIN_DISPATCHER:
            if site is not None:
                self._connections[site] = _Connection(datapath)
            ports = datapath.ports.values()
            live = {port.port_no: openflow.port_is_live(port) for port in ports}
            self._do(self._core.switch_connected(datapath.id, live))
        # A switch that has connected anew may still have an old connection to end.
        elif site in self._connections and self._connections[site].datapath is datapath:
            del self._connections[site]
            self._do(self._core.switch_gone(datapath.id))

    @_on(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def on_port_status(self, event: Any) -> None:
        """A port has changed: carrier, BFD, or its very existence."""
        port = event.msg.desc
        live = event.msg.reason != ofp.OFPPR_DELETE and openflow.port_is_live(port)
        self._do(self._core.port_reported(event.msg.datapath.id, port.port_no, live))

    @_on(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def on_barrier_reply(self, event: Any) -> None:
        """All that was sent before a barrier is in force."""
        site, connection = self._sender(event.msg)
        if connection is not None and event.msg.xid in connection.barriers:
            self._do(self._core.installed(site, connection.barriers.pop(event.msg.xid)))

    @_on(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def on_flow_stats(self, event: Any) -> None:
        """A part of a switch's stock."""
        _, connection = self._sender(event.msg)
        if connection is not None:
            connection.flow_stats += event.msg.body

    @_on(ofp_event.EventOFPGroupDescStatsReply, MAIN_DISPATCHER)
    def on_group_stats(self, event: Any) -> None:
        """The rest of a switch's stock."""
        site, connection = self._sender(event.msg)
        if connection is None:
            return
        connection.group_stats += event.msg.body
        if not event.msg.flags & ofp.OFPMPF_REPLY_MORE:
            # The flows were asked for first, so they have all come.
            stock = openflow.stock_of(connection.flow_stats, connection.group_stats)
            connection.flow_stats, connection.group_stats = [], []
            self._do(self._core.stock_taken(site, stock))

    @_on(ofp_event.EventOFPErrorMsg, HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER, MAIN_DISPATCHER)
    def on_error(self, event: Any) -> None:
        """A switch refuses something."""
        message = event.msg
        self._do(self._core.switch_error(message.datapath.id, message.type, message.code))

    def _sender(self, message: Any) -> tuple[str, _Connection | None]:
        site = self._core.site_of(message.datapath.id) or ""
        connection = self._connections.get(site)
        current = connection is not None and connection.datapath is message.datapath
        return site, connection if current else None

    def _do(self, effects: Iterable[Effect]) -> None:
        # All of them first: sending may let another event in between.
        for effect in list(effects):
            match effect:
                case Log(event, fields, warning):
                    self._log.write(event, fields)
                    if warning:
                        print(f"controller: {event} {json.dumps(fields)}", file=sys.stderr)
                case Send(site, changes, occasion):
                    connection = self._connections[site]
                    sent = openflow.messages(connection.datapath, changes)
                    connection.barriers[_transmit(connection.datapath, sent)] = occasion
                case TakeStock(site):
                    datapath = self._connections[site].datapath
                    _transmit(datapath, openflow.stock_requests(datapath))


def _transmit(datapath: Any, messages: list[Any]) -> int:
    """Send messages in one write; returns the transaction number of the last."""
    for message in messages:
        datapath.set_xid(message)
        message.serialize()
    datapath.send(b"".join(message.buf for message in messages))
    return int(messages[-1].xid)


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
