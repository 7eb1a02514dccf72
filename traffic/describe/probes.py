"""Probes: one-way, and there and back."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.describe.process import Process, Shaped


@dataclass(frozen=True, kw_only=True)
class ProbeSender(Shaped):
    """Numbered UDP packets on an exact schedule; `to` is HOST:PORT.

    dscp: each is a flow of its own, numbered from `flow` on.
    """

    program = "probe"
    role = "send"

    to: str
    rate_pps: int
    flow: int = 0
    payload_bytes: int = 64
    dscp: tuple[int, ...] = (0,)
    stamp: str = "schedule"
    """`schedule` in virtual time, `clock` in real time."""


@dataclass(frozen=True, kw_only=True)
class ProbeReceiver(Process):
    """Records flows: rows in `out`, `out`.1, … (see probe_log), a summary in `out`.json."""

    program = "probe"
    role = "receive"

    port: int
    flow: int = 0
    flows: int = 1
    no_rows: bool = False
    bind: str | None = None


@dataclass(frozen=True, kw_only=True)
class TwampReflector(Process):
    """Answers TWAMP Light and STAMP packets from anybody."""

    program = "twamp"
    role = "reflect"

    port: int
    bind: str | None = None
    stateless: bool = False


@dataclass(frozen=True, kw_only=True)
class TwampSender(Shaped):
    """Probes there and back; packets due before count_from_ns are not in the figures."""

    program = "twamp"
    role = "send"

    to: str
    rate_pps: int
    payload_bytes: int = 44
    dscp: int = 0
    session: int = 0
    wait_ms: int = 1000
    count_from_ns: int | None = None
    stateless: bool = False
