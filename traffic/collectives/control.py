"""Between two operations: rank 0 hears how the last one went and says what comes next.

Both are collectives themselves (a gather and a broadcast over a star), over the same engine.
"""

from __future__ import annotations

import struct

from traffic.clock import now_ns
from traffic.collectives import direct
from traffic.collectives.catalogue import peers_of
from traffic.collectives.engine import Engine, Plan
from traffic.collectives.schedule import ELEMENT_BYTES, Shape

_REPORT = struct.Struct("<qqqqq")
_WORD = struct.Struct("<qq")
_PINGS = 2
END = -1


class Report:
    """How an operation went at one rank. wrong: -1 if that was not checked."""

    __slots__ = ("end_ns", "received_bytes", "sent_bytes", "start_ns", "wrong")

    def __init__(
        self, start_ns: int, end_ns: int, sent_bytes: int, received_bytes: int, wrong: int
    ) -> None:
        self.start_ns, self.end_ns, self.wrong = start_ns, end_ns, wrong
        self.sent_bytes, self.received_bytes = sent_bytes, received_bytes


NO_REPORT = Report(0, 0, 0, 0, -1)


class Control:
    """One rank's part; all call the same methods in the same order. All raise Unfinished."""

    def __init__(self, rank: int, ranks: int) -> None:
        self.rank, self.ranks = rank, ranks
        reports = Shape(ranks, ranks * _REPORT.size // ELEMENT_BYTES)
        word = Shape(ranks, _WORD.size // ELEMENT_BYTES)
        self._rounds = direct.gather(reports, rank), direct.announce(word, rank)
        self._gather, self._announce = map(Plan, self._rounds)
        self._reports = memoryview(bytearray(reports.elements * ELEMENT_BYTES))
        self._word = memoryview(bytearray(_WORD.size))
        self.round_trip_ns = 0

    @property
    def partners(self) -> set[int]:
        """Whom this rank has to be connected with."""
        return peers_of(self._rounds[0]) | peers_of(self._rounds[1])

    def meet(self, engine: Engine) -> None:
        """Wait for all, and let rank 0 learn how long a word takes to all and back."""
        self.gather(engine, NO_REPORT)
        for _ in range(_PINGS):
            before_ns = now_ns()
            self.announce(engine, 0, 0)
            self.gather(engine, NO_REPORT)
            self.round_trip_ns = max(self.round_trip_ns, now_ns() - before_ns)

    def gather(self, engine: Engine, report: Report) -> list[Report]:
        """Tell rank 0; it gets all ranks' reports in order, the others an empty list."""
        at = self.rank * _REPORT.size
        _REPORT.pack_into(
            self._reports, at, report.start_ns, report.end_ns, report.sent_bytes,
            report.received_bytes, report.wrong,
        )  # fmt: skip
        engine.start(self._gather, self._reports, adds=False)
        engine.finish()
        if self.rank:
            return []
        return [Report(*fields) for fields in _REPORT.iter_unpack(self._reports)]

    def announce(self, engine: Engine, what: int, at_ns: int) -> tuple[int, int]:
        """What comes next (or END) and when: rank 0's arguments; the others' are not used."""
        _WORD.pack_into(self._word, 0, what, at_ns)
        engine.start(self._announce, self._word, adds=False)
        engine.finish()
        what, at_ns = _WORD.unpack(self._word)
        return what, at_ns
