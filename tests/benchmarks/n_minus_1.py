"""Every span of ai-backbone cut, silently and by carrier, on one network, with probes on all pairs.

  ./fibercut exec --memory-mb 2048 --out OUT -- python -m tests.benchmarks.n_minus_1
  … --only newyork-london --only oslo-lulea --bfd-ms 1     # some spans, another BFD
  … --what conduits | nodes | doubles                      # other failures

The pairs whose path crosses the failure are probed with 10,000 packets/s around it and
with 1,000 through both moves, all others with 1,000 around it. Exit status 1 if a pair was
out for longer than detection, propagation and 1 ms, or lost a packet at a move.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.emulation.controlled_networks import (
    Controlled,
    Hosts,
    controlled,
    cut_silently,
    mend,
    set_carrier,
)
from tests.emulation.pairs import PairProbes, crossing_pairs
from topologies.build import BfdTimers
from topologies.load import load_topology
from topologies.plan import NetworkPlan, PlannedSpan, make_plan

POLICY = "fast-reroute-reoptimise"
TIMERS = ("--hold-off-s", "0.05", "--wait-to-restore-s", "0.1", "--half-life-s", "0.2")
MULTIPLIER = 3
SCALE = 1000  # all pairs at 10,000 packets/s take more than a span has at 1:10,000
BFD_PACE_S = 1.2
_BEFORE_S, _FAST_S, _SLOW_S = 0.03, 0.15, 0.45
_DOUBLES = 20


@dataclass(frozen=True)
class Failure:
    """Spans that are cut at once, and whether a single failure that every repair covers."""

    name: str
    spans: tuple[PlannedSpan, ...]
    covered: bool


@dataclass(frozen=True)
class Result:
    """One failure; times in ms, losses in packets, worst of all pairs.

    limit_ms: detection, the cut span's propagation and 1 ms. others_lost, away_lost, back_lost:
    on the pairs that do not cross it, and at the moves away and back.
    """

    failure: str
    silent: bool
    pairs: int
    unhealed: int
    worst_ms: float
    limit_ms: float
    over_limit: int
    others_lost: int
    away_lost: int
    back_lost: int
    doubled: int

    def good(self, covered: bool) -> bool:
        """Whether every promise was kept; a failure that is not covered promises less."""
        clean = not (self.away_lost or self.back_lost or self.others_lost or self.doubled)
        return clean and not (covered and (self.unhealed or self.over_limit))


class Study:
    """One network on which failures are tried one after the other."""

    def __init__(self, running: Controlled, bfd_ms: int) -> None:
        self._running = running
        self._plan = running.plan
        self._bfd_ms = bfd_ms
        self._hosts = Hosts(running.network, running.plan)
        # A BFD session that has come up keeps the slow pace of its beginning for up to 1 s.
        time.sleep(BFD_PACE_S)

    def trial(self, failure: Failure, silent: bool) -> Result:
        """Fail, heal, mend, move back; every packet is accounted for."""
        since = len(self._running.events)
        dead = frozenset(span.id for span in failure.spans)
        crossing, others = crossing_pairs(self._plan, dead)
        probes = PairProbes(self._hosts)
        spans = list(failure.spans)
        probes.send(crossing, others, _BEFORE_S, fast=True)
        cut_silently(spans) if silent else set_carrier(spans, up=False)
        probes.send(crossing, others, _FAST_S, fast=True)
        around = probes.collected()
        probes.send(crossing, (), _SLOW_S)
        self._wait("update-done", "failure", since)
        probes.settle()
        away = probes.collected()
        back_since = len(self._running.events)
        mend(spans) if silent else set_carrier(spans, up=True)
        self._running.wait_for(lambda events: _has(events[back_since:], "wait-to-restore"))
        probes.send(crossing, (), _SLOW_S)
        self._wait("update-done", "reversion", back_since)
        probes.settle()
        back = probes.collected()
        connected = {pair: pair.connected_without(self._plan, dead) for pair in crossing}
        limits = {
            pair: (MULTIPLIER * self._bfd_ms if silent else 0)
            + pair.in_flight_ms(self._plan, dead)
            + 1
            for pair in crossing
        }
        out = {pair: around.out_ms(pair) for pair in crossing if connected[pair]}
        return Result(
            failure=failure.name,
            silent=silent,
            pairs=len(crossing),
            unhealed=sum(ms is None for ms in out.values()),
            worst_ms=max((ms for ms in out.values() if ms is not None), default=0.0),
            limit_ms=max(limits.values(), default=0.0),
            over_limit=sum(ms is not None and ms > limits[pair] for pair, ms in out.items()),
            others_lost=sum(around.lost(pair) for pair in others),
            away_lost=sum(away.lost(pair) for pair in out if out[pair] is not None),
            back_lost=sum(back.lost(pair) for pair in out),
            doubled=around.doubled + away.doubled + back.doubled,
        )

    def _wait(self, event: str, reason: str, since: int) -> None:
        self._running.wait_for(
            lambda events: any(
                e["event"] == event and e["reason"] == reason for e in events[since:]
            )
        )


def _has(events: Sequence[object], name: str) -> bool:
    return any(isinstance(event, dict) and event["event"] == name for event in events)


def failures(plan: NetworkPlan, what: str) -> Iterator[Failure]:
    """The failures of one kind."""
    if what == "spans":
        for span in plan.spans:
            yield Failure(span.id, (span,), covered=True)
    elif what == "conduits":
        for name in dict.fromkeys(c for span in plan.spans for c in span.conduits):
            yield Failure(name, tuple(s for s in plan.spans if name in s.conduits), covered=True)
    elif what == "nodes":
        for switch in plan.switches:
            own = tuple(s for s in plan.spans if switch.name in (s.a.switch, s.b.switch))
            yield Failure(switch.name, own, covered=False)
    else:
        pairs = list(itertools.combinations(plan.spans, 2))
        for one, other in random.Random(1).sample(pairs, _DOUBLES):
            yield Failure(f"{one.id} + {other.id}", (one, other), covered=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them all; a line for each, as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--what", choices=["spans", "conduits", "nodes", "doubles"], default="spans"
    )
    parser.add_argument("--only", action="append", help="the failure of this name, and no other")
    parser.add_argument("--visibility", choices=["silent", "carrier", "both"], default="both")
    parser.add_argument("--bfd-ms", type=int, default=10)
    options = parser.parse_args(arguments)
    plan = make_plan(load_topology("ai-backbone"), scale=SCALE)
    chosen = [f for f in failures(plan, options.what) if not options.only or f.name in options.only]
    kinds = {"silent": [True], "carrier": [False], "both": [True, False]}[options.visibility]
    results, kept = [], True
    bfd = BfdTimers(options.bfd_ms, MULTIPLIER)
    folder = Path(tempfile.mkdtemp())
    with controlled(plan, POLICY, folder, bfd, TIMERS) as running:
        study = Study(running, options.bfd_ms)
        for failure, silent in itertools.product(chosen, kinds):
            result = study.trial(failure, silent)
            good = result.good(failure.covered)
            kept = kept and good
            results.append({**asdict(result), "good": good})
            print(json.dumps(results[-1]), flush=True)
    out = Path(os.environ.get("FIBERCUT_OUT", folder)) / "n_minus_1.json"
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    _print(results)
    return 0 if kept else 1


def _print(results: Sequence[dict[str, object]]) -> None:
    table = Table(*results[0], title="N-1")
    for result in results:
        table.add_row(*(f"{v:.1f}" if isinstance(v, float) else str(v) for v in result.values()))
    Console(width=200).print(table)


if __name__ == "__main__":
    sys.exit(main())
