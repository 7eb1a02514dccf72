"""What Ryu does with connections and does not tell: told as events. Imports Ryu.

Ryu logs a message that it cannot read with a traceback and goes on; and it ends a
connection that speaks another version, or no OpenFlow at all, with another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ryu.ofproto import ofproto_parser, ofproto_v1_3, ofproto_v1_3_parser

Tell = Callable[[str, dict[str, Any]], None]
_LOGGERS = ("ryu.lib.hub", "ryu.controller.controller", "ofp_event")
_MOST_CHARACTERS = 200


def tell_malformed(tell: Tell) -> None:
    """Tell `malformed-message` for each message that cannot be read, instead of a traceback."""
    read = ofproto_v1_3_parser.msg_parser

    def careful(datapath: Any, *header_and_body: Any) -> Any:
        try:
            return read(datapath, *header_and_body)
        except Exception as error:  # noqa: BLE001 - whatever a switch sends must not end us
            _, kind, length, _, _ = header_and_body
            fields = {"address": datapath.address[0], "dpid": datapath.id}
            why = f"{type(error).__name__}: {error}"
            tell("malformed-message", {**fields, "type": kind, "length": length, "why": why})
            return None

    ofproto_parser.register_msg_parser(ofproto_v1_3.OFP_VERSION)(careful)


def tell_failures(tell: Tell) -> None:
    """Tell `connection-failed` for what Ryu would print as a traceback."""
    handler = _Handler(tell)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False


class _Handler(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        lines = record.getMessage().strip().splitlines()
        self._tell("connection-failed", {"why": lines[-1][:_MOST_CHARACTERS] if lines else ""})
