"""Which tables a trial's measurements become. Plain data: the trial itself imports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from traffic.logs import BurstReceived, BurstSent, CollectiveRun, Request, Step

WORKLOAD = "workload"
"""The column of every table that says which workload it was."""
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A probe's packet as its receiver took it; duplicates are rows of their own."""

    sequence: int
    transmit_ns: int
    receive_ns: int


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A kind of measurement.

    record: what a row is. moments: its fields that are points in time; in the table they count
    from the start of the workloads, as `at_s` does. labels: further columns, by which logs of
    one workload are told apart.
    """

    name: str
    record: type[R]
    moments: frozenset[str]
    labels: Mapping[str, type] = field(default_factory=dict)


PROBES = Table("probes", Arrival, frozenset({"transmit_ns", "receive_ns"}), {"class": int})
STEPS = Table("steps", Step, frozenset({"start_ns", "compute_end_ns", "end_ns"}))
COLLECTIVES = Table("collectives", CollectiveRun, frozenset({"start_ns", "end_ns"}))
REQUESTS = Table(
    "requests",
    Request,
    frozenset({"due_ns", "sent_ns", "first_token_ns", "end_ns"}),
    {"user": str},
)
BURSTS_SENT = Table("bursts_sent", BurstSent, frozenset({"due_ns", "begun_ns", "accepted_ns"}))
BURSTS_RECEIVED = Table(
    "bursts_received", BurstReceived, frozenset({"due_ns", "first_ns", "end_ns"})
)
TABLES: Mapping[str, Table[Any]] = MappingProxyType(
    {
        table.name: table
        for table in (PROBES, STEPS, COLLECTIVES, REQUESTS, BURSTS_SENT, BURSTS_RECEIVED)
    }
)


@dataclass(frozen=True, slots=True)
class Log:
    """A file that a program writes during the trial, and the table that it becomes part of.

    file: its name in the workload's folder. A log of PROBES holds rows of three little-endian
    int64, every other one a JSON object a line.
    """

    file: str
    table: Table[Any]
    labels: Mapping[str, str | int] = field(default_factory=dict)
