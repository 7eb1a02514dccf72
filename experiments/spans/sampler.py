"""Samples what every span carries, in the guest: one process, the kernel's own counters.

    python -m experiments.spans.sampler --lines lines.json --every-ms 100 --out spans.i64x6

A line's netem holds what waits and what is in flight. What leaves it until one propagation
delay after a sample was in flight at the sample; the rest of what it held was waiting. So a
line that held something is looked at once more, so much later.

Rows of six little-endian int64 (FIELDS), each sample's lines together, in order of time; the
first sample is at the start.
"""

from __future__ import annotations

import heapq
import itertools
import json
import socket
import sys
from argparse import Namespace
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO

from topologies.builder.counters import Counters, all_counters, counters
from topologies.builder.errors import BuildError
from topologies.builder.netlink import RouteSocket
from traffic.clock import NS_PER_MS, run_first, wait_until, wake_exactly
from traffic.command import Failure, Parser, add_window, run, whole, window
from traffic.output import cannot_write
from traffic.stopping import Stop

PROGRAM = "experiments.spans.sampler"
FIELDS = ("line", "t_ns", "sent_bytes", "queue_packets", "queue_bytes", "dropped_packets")
_LONGEST_MS = 3_600_000
_All = Mapping[tuple[int, int], Counters]
_CLASS = 1  # a netem's only class, in which a fault's own netem is
_NOWHERE = (0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """A SpanLine of topologies.builder.span_lines by the numbers of its queueing disciplines."""

    number: int
    entry: tuple[int, int]
    line: tuple[int, int]
    delay_ns: int
    entry_queues: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """A line at a moment. own: its netem; behind: of a fault that holds packets after it."""

    own: Counters
    behind: Counters | None

    @property
    def packets(self) -> int:
        """Waiting, or on their way."""
        return self.own.held_packets - (self.behind.held_packets if self.behind else 0)

    @property
    def bytes(self) -> int:
        return self.own.held_bytes - (self.behind.held_bytes if self.behind else 0)

    def passed_since(self, before: _Held) -> tuple[int, int]:
        """Packets and bytes whose way was over in between; of lost packets no bytes are known."""
        packets = [
            held.own.sent_packets
            + held.own.dropped_packets
            + (held.behind.held_packets if held.behind else 0)
            for held in (before, self)
        ]
        sizes = [
            held.own.sent_bytes + (held.behind.held_bytes if held.behind else 0)
            for held in (before, self)
        ]
        return packets[1] - packets[0], sizes[1] - sizes[0]


@dataclass(slots=True)
class _Sample:
    """One moment; `waiting` of its lines have to be looked at once more."""

    at_ns: int
    rows: dict[int, list[int]] = field(default_factory=dict)
    waiting: int = 0


class Sampler:
    """Reads counters at the moments that its caller waits for."""

    def __init__(self, route: RouteSocket, lines: Sequence[Line], out: IO[bytes]) -> None:
        self._route, self._lines, self._out = route, lines, out
        self._open: deque[_Sample] = deque()
        self._later: list[tuple[int, int, _Sample, Line, _Held]] = []
        self._numbers = itertools.count()

    @property
    def next_ns(self) -> int | None:
        """When a line has to be looked at once more."""
        return self._later[0][0] if self._later else None

    def sample(self, at_ns: int) -> None:
        """Read all lines now, which is at_ns. A line that is not there has no row."""
        found = all_counters(self._route)
        below = {(index, one.parent): key for key, one in found.items() for index in (key[0],)}
        sample = _Sample(at_ns)
        self._open.append(sample)
        for line in self._lines:
            if line.line in found and line.entry in found:
                behind = found.get(below.get((line.line[0], line.line[1] | _CLASS), _NOWHERE))
                self._take(sample, line, found, _Held(found[line.line], behind))
        self._write_done()

    def _take(self, sample: _Sample, line: Line, found: _All, held: _Held) -> None:
        entry = found[line.entry]
        row = [sample.at_ns, held.own.sent_bytes, 0, 0, entry.dropped_packets]
        sample.rows[line.number] = row
        if line.entry_queues:
            row[2:4] = entry.held_packets, entry.held_bytes
            return
        row[4] -= _lost_behind(line.entry, found)
        if held.packets:
            sample.waiting += 1
            due_ns = sample.at_ns + line.delay_ns
            heapq.heappush(self._later, (due_ns, next(self._numbers), sample, line, held))

    def look_again(self) -> None:
        """Read the line that is due now."""
        _, _, sample, line, before = heapq.heappop(self._later)
        own = counters(self._route, *line.line)
        behind = None if before.behind is None else self._behind(line)
        packets, size = _Held(own, behind).passed_since(before)
        waited = max(0, before.packets - packets)
        sample.rows[line.number][2:4] = waited, max(0, before.bytes - size) if waited else 0
        sample.waiting -= 1
        self._write_done()

    def _behind(self, line: Line) -> Counters | None:
        found = all_counters(self._route)
        index, handle = line.line
        held = [
            one for (at, _), one in found.items() if (at, one.parent) == (index, handle | _CLASS)
        ]
        return held[0] if held else None

    def _write_done(self) -> None:
        values = array("q")
        while self._open and not self._open[0].waiting:
            sample = self._open.popleft()
            for number in sorted(sample.rows):
                values.extend((number, *sample.rows[number]))
        if sys.byteorder == "big":
            values.byteswap()
        self._out.write(values.tobytes())


def _lost_behind(entry: tuple[int, int], found: _All) -> int:
    """What the lines of an entry have lost, which it counts among its own drops."""
    device, handle = entry
    return sum(
        one.dropped_packets
        for (index, _), one in found.items()
        if index == device and one.parent >> 16 == handle >> 16
    )


def main(arguments: list[str]) -> int:
    """Sample as the arguments say. Raises Failure."""
    args = parse(arguments)
    wake_exactly()
    run_first()
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(open(args.out, "wb", buffering=0))
            route = stack.enter_context(RouteSocket())
            sampler = Sampler(route, read_lines(args.lines), file)
            _follow(sampler, start_ns, stop_ns, args.every_ms * NS_PER_MS, stop)
    except BuildError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise cannot_write(args.out, error) from None
    return 0


def _follow(
    sampler: Sampler, start_ns: int, stop_ns: int | None, every_ns: int, stop: Stop
) -> None:
    next_ns: int | None = start_ns
    while next_ns is not None or sampler.next_ns is not None:
        moments = [at_ns for at_ns in (next_ns, sampler.next_ns) if at_ns is not None]
        at_ns = min(moments)
        if not wait_until(at_ns, stop):
            return
        if sampler.next_ns == at_ns:
            sampler.look_again()
            continue
        sampler.sample(at_ns)
        next_ns = at_ns + every_ns
        if stop_ns is not None and next_ns > stop_ns:
            next_ns = None


def read_lines(path: str) -> list[Line]:
    """The lines that a file lists (see lines.py). Raises Failure."""
    try:
        with open(path, encoding="utf-8") as file:
            listed = json.load(file)
        return [
            Line(
                number,
                (socket.if_nametoindex(one["entry_device"]), one["entry_handle"]),
                (socket.if_nametoindex(one["line_device"]), one["line_handle"]),
                one["delay_ns"],
                one["entry_queues"],
            )
            for number, one in enumerate(listed)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"cannot use the lines in {path}: {error}") from None


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description="Sample what every span carries.")
    parser.add_argument("--lines", required=True, metavar="FILE", help="which, as JSON")
    parser.add_argument("--every-ms", type=whole(1, _LONGEST_MS), default=100, help="(100)")
    parser.add_argument("--out", required=True, metavar="FILE")
    add_window(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run(PROGRAM, main)
