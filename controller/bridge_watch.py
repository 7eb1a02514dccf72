"""A Ryu application that watches Ryu's spanning tree and writes events. Imports Ryu.

It runs beside the stock application, in the same process, and changes nothing: the
measurement has to know when the tree stands, and the stock application tells nobody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ryu.base import app_manager
from ryu.controller.handler import MAIN_DISPATCHER, set_ev_cls
from ryu.lib import stplib

from controller.bridges import BridgePort, Bridges
from controller.events import EventLog
from controller.startup import read_plan

_STATES = {
    stplib.PORT_STATE_DISABLE: BridgePort.DISABLED,
    stplib.PORT_STATE_BLOCK: BridgePort.BLOCKING,
    stplib.PORT_STATE_LISTEN: BridgePort.LISTENING,
    stplib.PORT_STATE_LEARN: BridgePort.LEARNING,
    stplib.PORT_STATE_FORWARD: BridgePort.FORWARDING,
}


class BridgeWatch(app_manager.RyuApp):
    """Logs each port's state, and `ready` when the first tree stands."""

    _CONTEXTS = {"stplib": stplib.Stp}  # noqa: RUF012 - Ryu's own way to declare it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log = EventLog(Path(self.CONF.fibercut_events))
        self._bridges = Bridges(read_plan(Path(self.CONF.fibercut_plan)))
        self._ready = False

    def close(self) -> None:
        """Called by Ryu at the end."""
        self._log.close()

    @set_ev_cls(stplib.EventPortStateChange, MAIN_DISPATCHER)
    def on_port_state(self, event: Any) -> None:
        """A port of a bridge listens, learns, forwards or blocks now."""
        fields = self._bridges.report(event.dp.id, event.port_no, _STATES[event.port_state])
        if fields is not None:
            self._log.write("bridge-port", fields)
        if not self._ready and self._bridges.forward_everywhere:
            self._ready = True
            self._log.write("ready", {})
