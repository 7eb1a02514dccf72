"""The probe's receiver: writes each arrival as it comes; memory does not grow with time."""

from __future__ import annotations

import sys
from argparse import Namespace
from array import array

from traffic.batch_receive import BatchReceiver
from traffic.clock import NS_PER_MS, realtime_offset_ns
from traffic.command import window
from traffic.output import JsonLines, cannot_write, write_json
from traffic.probe_flow import FlowAccount
from traffic.probe_packet import HEADER, MAGIC
from traffic.stopping import Stop
from traffic.udp import listening, take_regularly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_WAKE_EVERY_NS = 20 * NS_PER_MS
# Three for each packet: a receiver that lags takes what waits in parts.
_MOST_VALUES = 3 * 4096


class _Rows:
    """A flow whose arrivals are all written down."""

    def __init__(self, path: str) -> None:
        try:
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise cannot_write(path, error) from None
        self._path = path

    def take(self, rows: array[int]) -> None:
        if sys.byteorder == "big":
            rows.byteswap()
        try:
            self._file.write(rows.tobytes())
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def close(self) -> dict[str, object]:
        self._file.close()
        return {"format": "little-endian int64 rows: sequence, sent_ns, received_ns"}


class _Figures:
    """A flow of which only figures are kept, and its gaps, a line for each."""

    def __init__(self, path: str) -> None:
        self._lines = JsonLines(path)
        self._account = FlowAccount(self._gap)
        self._gaps = 0

    def _gap(self, first: int, missing: int, before_ns: int | None, after_ns: int | None) -> None:
        self._gaps += 1
        self._lines.write(
            {
                "first_missing": first,
                "missing": missing,
                "last_before_ns": before_ns,
                "first_after_ns": after_ns,
            }
        )

    def take(self, rows: array[int]) -> None:
        add = self._account.add
        for at in range(0, len(rows), 3):
            add(rows[at], rows[at + 1], rows[at + 2])

    def close(self) -> dict[str, object]:
        self._account.finish()
        self._lines.__exit__()
        return {"format": "JSON lines: gaps", "gaps": self._gaps, **self._account.figures()}


class _Recorder:
    """All flows of one receiver."""

    def __init__(self, receiver: BatchReceiver, args: Namespace) -> None:
        self.receiver, self.first_flow = receiver, args.flow
        keep = _Figures if args.no_rows else _Rows
        self.flows = [keep(path) for path in _paths(args)]
        self.offset_ns = realtime_offset_ns()
        self.received = self.foreign = self.malformed = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.closed: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = [flow.close() for flow in self.flows]

    def take(self) -> None:
        """Record everything that has arrived since the last call."""
        batches = [array("q") for _ in self.flows]
        for length, realtime_ns, (magic, flow, sequence, sent_ns) in self.receiver.take():
            if length < HEADER.size or magic != MAGIC or sequence < 0:
                self.malformed += 1
            elif not 0 <= flow - self.first_flow < len(batches):
                self.foreign += 1
            else:
                rows = batches[flow - self.first_flow]
                rows.extend((sequence, sent_ns, realtime_ns - self.offset_ns))
                if len(rows) >= _MOST_VALUES:
                    self.keep(flow - self.first_flow, rows)
                    batches[flow - self.first_flow] = array("q")
        for index, rows in enumerate(batches):
            if rows:
                self.keep(index, rows)

    def keep(self, index: int, rows: array[int]) -> None:
        self.count(rows)
        self.flows[index].take(rows)

    def count(self, rows: array[int]) -> None:
        self.received += len(rows) // 3
        self.first_ns = rows[2] if self.first_ns is None else min(self.first_ns, rows[2])
        self.last_ns = max(rows[-1], self.last_ns or 0)

    def summary(self, interrupted: bool) -> dict[str, object]:
        return {
            "program": "probe-receive",
            "flow": self.first_flow,
            "received": self.received,
            "foreign": self.foreign,
            "malformed": self.malformed,
            "kernel_drops": self.receiver.kernel_drops(),
            "first_received_ns": self.first_ns,
            "last_received_ns": self.last_ns,
            "clock_offset_drift_ns": realtime_offset_ns() - self.offset_ns,
            "interrupted": interrupted,
            "flows": self.closed,
        }


def _paths(args: Namespace) -> list[str]:
    """One file for each flow: the first has the name that was given."""
    return [args.out if n == 0 else f"{args.out}.{n}" for n in range(args.flows)]


def receive(args: Namespace) -> int:
    """Record as the arguments say, then write the summary. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    with listening(args.bind, args.port) as sock:
        with _Recorder(BatchReceiver(sock, HEADER), args) as recorder:
            take_regularly(recorder.take, _WAKE_EVERY_NS, start_ns, stop_ns, stop)
        ended_early = stop.requested and stop_ns is not None
        write_json(f"{args.out}.json", recorder.summary(interrupted=ended_early))
    return 0
