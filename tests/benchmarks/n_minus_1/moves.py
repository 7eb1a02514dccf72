"""What the controller of a study is doing now, and probes through all that packets may notice."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks.n_minus_1.failures import Failure
from tests.emulation.controlled_networks import Controlled, Event
from tests.emulation.pairs import Pair, PairProbes

INSPECT_PORT = 8080
_DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.005
_SLICE_S = 0.01
# Old packets, and Open vSwitch's caches, may meet new rules for a while after they are there.
_AFTER_S, _AHEAD_S = 0.1, 0.03


class Moves:
    """Follows the events of one controller, from now on or from its start."""

    def __init__(self, running: Controlled, from_start: bool = False) -> None:
        self._running = running
        self._path = running.events_path
        self._offset = 0
        self._asked_after = -1
        self.seen: list[Event] = []
        if not from_start:
            self._look()
            self.seen.clear()

    def computed_without(self, failure: Failure) -> bool:
        """Whether paths without exactly these spans have been computed, and moved to."""
        self._look()
        rest = iter(self.seen)
        return (
            any(
                e["event"] == "paths-computed" and set(e["avoided_spans"]) == failure.dead
                for e in rest
            )
            and any(e["event"] == "update-begun" for e in rest)
            and any(e["event"] == "update-done" for e in rest)
        )

    def count(self, name: str, **fields: object) -> int:
        """How many events of this name, with these fields, have been seen."""
        self._look()
        return sum(e["event"] == name and fields.items() <= e.items() for e in self.seen)

    def all_back(self) -> bool:
        """Whether every span is used again and nothing is left to be done."""
        self._look()
        if len(self.seen) == self._asked_after:
            return False  # nothing has happened since
        self._asked_after = len(self.seen)
        pending, topology = self.ask("pending"), self.ask("topology")
        spans = set(topology["spans"].values())
        return bool(pending["idle"]) and spans == {"live"}

    def ask(self, question: str) -> Any:
        """An answer of the controller."""
        with self._running.network["controller"].namespace.entered():
            connection = http.client.HTTPConnection("127.0.0.1", INSPECT_PORT, timeout=30)
            connection.request("GET", f"/{question}")
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        assert reply.status == http.client.OK, body
        return json.loads(body)

    def follow(
        self,
        probes: PairProbes,
        pairs: Sequence[Pair],
        holds: Callable[[], bool],
        always: bool = False,
    ) -> None:
        """Wait, with slow probes whenever packets may notice a move, or always."""
        give_up_at_s = time.monotonic() + _DEADLINE_S
        while not holds():
            assert time.monotonic() < give_up_at_s, [e["event"] for e in self.seen]
            if always or self._noticeable():
                probes.send(pairs, (), _SLICE_S)
            else:
                time.sleep(_LOOK_EVERY_S)
        probes.send(pairs, (), _AHEAD_S)

    def _noticeable(self) -> bool:
        """From the beginning of an update, but for the middle of the wait for old packets."""
        self._look()
        updates = [e for e in self.seen if e["event"] in _OF_UPDATES]
        if not updates:
            return False
        last = updates[-1]
        since_s = time.monotonic() - int(last["t_ns"]) / 1e9
        if last["event"] == "update-begun":
            return True
        if last["event"] == "update-switched":
            return since_s < _AFTER_S or since_s > float(last["drain_s"]) - _AHEAD_S
        return since_s < _AHEAD_S

    def _look(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            *whole, _rest = file.read().split(b"\n")
        self._offset += sum(len(line) + 1 for line in whole)
        self.seen += [json.loads(line) for line in whole]


_OF_UPDATES = ("update-begun", "update-switched", "update-done")
