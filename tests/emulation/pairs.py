"""Probes between all pairs of switches at once, from one process."""

from __future__ import annotations

import ctypes
import struct
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from controller.graph import Graph
from tests.emulation.controlled_networks import Hosts
from tests.unit.controller_plans import parts
from topologies.plan import NetworkPlan

FAST_PPS, SLOW_PPS = 10_000, 1_000
_EVERY = FAST_PPS // SLOW_PPS
_TICK_NS = 10**9 // FAST_PPS
_SETTLE_S = 0.3
_DRAIN_EVERY = 100  # ticks
_PAYLOAD = struct.Struct("!III")
_PR_SET_TIMERSLACK = 29


@dataclass(frozen=True)
class Pair:
    """Two switches, one way, and the spans of the shortest path between them."""

    source: str
    target: str
    spans: tuple[str, ...]

    def connected_without(self, plan: NetworkPlan, dead: frozenset[str]) -> bool:
        part = parts(plan, dead)
        return part[self.source] == part[self.target]

    def in_flight_ms(self, plan: NetworkPlan, dead: frozenset[str]) -> float:
        """Propagation from the first dead span of the path to the end of the last one."""
        delays_ms = {span.id: span.delay_us / 1000 for span in plan.spans}
        hit = [place for place, span in enumerate(self.spans) if span in dead]
        return sum(delays_ms[span] for span in self.spans[hit[0] : hit[-1] + 1]) if hit else 0.0


def crossing_pairs(plan: NetworkPlan, dead: Collection[str]) -> tuple[list[Pair], list[Pair]]:
    """The pairs whose path a failure cuts, and the others."""
    graph = Graph(plan)
    with_hosts = list(dict.fromkeys(host.port.switch for host in plan.hosts))
    crossing: list[Pair] = []
    others: list[Pair] = []
    for target in with_hosts:
        tree = graph.tree(graph.site_index[target])
        for source in with_hosts:
            if source != target:
                way = tree.walk(graph.site_index[source])
                pair = Pair(source, target, tuple(plan.spans[span].id for _, span in way))
                (crossing if set(dead) & set(pair.spans) else others).append(pair)
    return crossing, others


@dataclass
class Batch:
    """What was sent in one phase and what came of it, by pair: the ticks of sending."""

    sent: dict[Pair, list[int]] = field(default_factory=dict)
    came: dict[Pair, set[int]] = field(default_factory=dict)
    doubled: int = 0

    def lost(self, pair: Pair) -> int:
        return len(self.sent.get(pair, ())) - len(self.came.get(pair, ()))

    def out_ms(self, pair: Pair) -> float | None:
        """Time of the missing packets, None if they miss to the end; one gap, or it counts all."""
        sent, came = self.sent[pair], self.came.get(pair, set())
        missing = [number for number in sent if number not in came]
        if missing and missing[-1] == sent[-1]:
            return None
        return (missing[-1] - missing[0] + 1) * 1000 / FAST_PPS if missing else 0.0


class PairProbes:
    """Sends numbered packets on a common schedule; a number is a tick of 100 us."""

    def __init__(self, hosts: Hosts) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
        self._hosts = hosts
        self._pairs: list[Pair] = []
        self._index: dict[Pair, int] = {}
        self._batches: list[Batch] = []
        self._start_ns = time.monotonic_ns()

    def batch(self) -> Batch:
        """What is sent from now on counts in this; it is complete after `settle`."""
        self._batches.append(Batch())
        return self._batches[-1]

    def send(
        self, crossing: Sequence[Pair], others: Sequence[Pair], seconds: float, fast: bool = False
    ) -> None:
        """Send for so long: the others slowly, the crossing ones fast or slowly."""
        first = -((self._start_ns - time.monotonic_ns()) // _TICK_NS)
        for tick in range(first, first + round(seconds * FAST_PPS)):
            wait_ns = self._start_ns + tick * _TICK_NS - time.monotonic_ns()
            if wait_ns > 0:
                time.sleep(wait_ns / 1e9)
            slow_turn = tick % _EVERY == 0
            if fast or slow_turn:
                self._send_each(crossing, tick)
            if slow_turn:
                self._send_each(others, tick)
            if tick % _DRAIN_EVERY == 0:
                self._drain()

    def settle(self) -> None:
        """Let what is on its way arrive."""
        time.sleep(_SETTLE_S)
        self._drain()

    def _drain(self) -> None:
        """Take what has come: all sockets together may hold only so much."""
        for host in self._hosts.by_switch.values():
            for _, payload in self._hosts.received(host):
                index, tick, number = _PAYLOAD.unpack(payload)
                batch = self._batches[number]
                ticks = batch.came.setdefault(self._pairs[index], set())
                batch.doubled += tick in ticks
                ticks.add(tick)

    def _send_each(self, pairs: Sequence[Pair], tick: int) -> None:
        hosts, number = self._hosts.by_switch, len(self._batches) - 1
        for pair in pairs:
            if pair not in self._index:
                self._index[pair] = len(self._pairs)
                self._pairs.append(pair)
            payload = _PAYLOAD.pack(self._index[pair], tick, number)
            self._hosts.send(hosts[pair.source], hosts[pair.target], payload)
            self._batches[number].sent.setdefault(pair, []).append(tick)
