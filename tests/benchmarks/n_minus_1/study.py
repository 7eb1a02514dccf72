"""One failure after the other on one network, every packet accounted for."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.dataplane import DataPlane
from controller.desired import Designer
from controller.policies import policy_named
from tests.benchmarks.n_minus_1.failures import Failure, repaired_locally
from tests.benchmarks.n_minus_1.moves import INSPECT_PORT, Moves
from tests.emulation.controlled_networks import (
    Controlled,
    Hosts,
    controlled,
    cut_silently,
    mend,
    set_carrier,
)
from tests.emulation.pairs import Batch, Pair, PairProbes, crossing_pairs
from topologies.build import BfdTimers
from topologies.load import load_topology
from topologies.plan import NetworkPlan, PlannedSpan, make_plan

POLICY = "fast-reroute-reoptimise"
TIMERS: Mapping[str, float] = {"hold-off-s": 0.05, "wait-to-restore-s": 0.1, "half-life-s": 0.2}
MULTIPLIER = 3
SCALE = 1000  # all pairs at 10,000 packets/s take more than a span has at 1:10,000
# BFD of the spans that do not fail, and of all between trials: most of what a network costs.
CALM = BfdTimers(100, MULTIPLIER)
_CALM_S = CALM.interval_ms / 1000
_BEFORE_S, _AFTER_LIMIT_S = 0.02, 0.02
_BFD_DEADLINE_S = 10.0
# A node's failure hits more; probed all at once they would fill the spans.
_MOST_PAIRS = 40


@dataclass(frozen=True)
class Result:
    """One failure; times in ms, losses in packets.

    pairs: those probed whose path crosses it and that still have a path. by_controller: those of
    them that the model of the data plane gives no local repair. worst_ms, limit_ms: of the pair
    with the least to spare; limit: detection, propagation from the first dead span of the path
    to the end of the last, and 1 ms. unhealed: pairs out for longer than they were watched.
    others_lost: on the pairs that do not cross it. away_lost, back_lost: at the moves, away on
    the repaired pairs, back on all. end_lost: when everything is back, on all pairs.
    """

    part: str
    failure: str
    silent: bool
    bfd_ms: int
    pairs: int
    by_controller: int
    worst_ms: float
    limit_ms: float
    over_limit: int
    unhealed: int
    others_lost: int
    away_lost: int
    back_lost: int
    end_lost: int
    doubled: int

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        lost = self.others_lost or self.away_lost or self.back_lost or self.end_lost
        return not (lost or self.over_limit or self.unhealed or self.doubled)


def study_plan() -> NetworkPlan:
    """The network that it is about."""
    return make_plan(load_topology("ai-backbone"), scale=SCALE)


@contextmanager
def running_study(folder: Path, timers: Mapping[str, float] = TIMERS) -> Iterator[Study]:
    """ai-backbone with its controller, ready for trials."""
    plan = study_plan()
    options = [word for name, value in timers.items() for word in (f"--{name}", str(value))]
    options += ["--inspect-port", str(INSPECT_PORT)]
    with controlled(plan, POLICY, folder, CALM, tuple(options)) as running:
        yield Study(running)


class Study:
    """One network on which failures are tried one after the other."""

    def __init__(self, running: Controlled) -> None:
        self.running = running
        self.plan: NetworkPlan = running.plan
        self.hosts = Hosts(running.network, running.plan)
        rules = Designer(running.plan).desired(policy_named(POLICY)).rules
        self._plane = DataPlane(running.plan, rules)

    def trial(
        self,
        part: str,
        failure: Failure,
        silent: bool,
        bfd_ms: int,
        interfere: Interference | None = None,
    ) -> Result:
        """Fail, heal, move away, mend, move back. interfere: what else happens meanwhile."""
        interfere = interfere or Interference()
        crossing, others = crossing_pairs(self.plan, failure.dead)
        if len(crossing) > _MOST_PAIRS:
            crossing = random.Random(failure.name).sample(crossing, _MOST_PAIRS)
        limits = self.limits_ms(crossing, failure, silent, bfd_ms)
        connected = [p for p in crossing if p.connected_without(self.plan, failure.dead)]
        repaired = [
            p for p in connected if repaired_locally(self.plan, self._plane, p, failure.dead)
        ]
        probes, spans = PairProbes(self.hosts), list(failure.spans)
        with self._fast_bfd(spans, bfd_ms):
            interfere.before(self)
            moves = Moves(self.running)
            around = probes.batch()
            probes.send(crossing, others, _BEFORE_S, fast=True)
            cut_silently(spans) if silent else set_carrier(spans, up=False)
            watched_s = max(limits.values(), default=0) / 1000 + _AFTER_LIMIT_S
            probes.send(crossing, others, watched_s, fast=True)
        away = probes.batch()
        moves = interfere.during(self, moves, probes, connected)
        moves.follow(probes, connected, lambda: moves.computed_without(failure))
        moves = interfere.after(self, moves, probes, connected)
        back = probes.batch()
        mend(spans) if silent else set_carrier(spans, up=True)
        moves.follow(probes, connected, moves.all_back)
        end = probes.batch()
        probes.send(crossing, others, 2 / 1000)
        probes.settle()
        outages = {pair: around.out_ms(pair) for pair in repaired}
        worst = _nearest_to_limit(outages, limits)
        return Result(
            part=part,
            failure=failure.name,
            silent=silent,
            bfd_ms=bfd_ms,
            pairs=len(connected),
            by_controller=len(connected) - len(repaired),
            worst_ms=worst[0],
            limit_ms=worst[1],
            over_limit=sum(ms is not None and ms > limits[p] for p, ms in outages.items()),
            unhealed=sum(ms is None for ms in outages.values()),
            others_lost=_lost(around, others),
            away_lost=_lost(away, repaired),
            back_lost=_lost(back, connected),
            end_lost=_lost(end, [*crossing, *others]),
            doubled=sum(batch.doubled for batch in (around, away, back, end)),
        )

    def limits_ms(
        self, pairs: Sequence[Pair], failure: Failure, silent: bool, bfd_ms: int
    ) -> dict[Pair, float]:
        """How long each pair may be out."""
        detection_ms = MULTIPLIER * bfd_ms if silent else 0
        return {
            pair: detection_ms + pair.in_flight_ms(self.plan, failure.dead) + 1 for pair in pairs
        }

    @contextmanager
    def _fast_bfd(self, spans: Sequence[PlannedSpan], bfd_ms: int) -> Iterator[None]:
        """These spans have BFD with this interval; left while they are dead."""
        ports = [port.interface for span in spans for port in (span.a, span.b)]
        _set_bfd(ports, bfd_ms)
        give_up_at_s = time.monotonic() + _BFD_DEADLINE_S
        while not _have_pace(ports, bfd_ms):
            assert time.monotonic() < give_up_at_s, "BFD did not take up its interval"
            time.sleep(_CALM_S / 2)
        # The last packet at the slow pace may be due only now.
        time.sleep(2 * _CALM_S)
        yield
        _set_bfd(ports, CALM.interval_ms)


class Interference:
    """Something else that happens in a trial; nothing by default."""

    def before(self, study: Study) -> None:
        """Before the failure."""

    def during(
        self, study: Study, moves: Moves, probes: PairProbes, pairs: Sequence[Pair]
    ) -> Moves:
        """While the controller notices and answers. Returns whose events to follow."""
        return moves

    def after(self, study: Study, moves: Moves, probes: PairProbes, pairs: Sequence[Pair]) -> Moves:
        """After the move away. Returns whose events to follow."""
        return moves


def _nearest_to_limit(
    outages: Mapping[Pair, float | None], limits: Mapping[Pair, float]
) -> tuple[float, float]:
    known = [(ms, limits[pair]) for pair, ms in outages.items() if ms is not None]
    return min(known, key=lambda both: both[1] - both[0], default=(0.0, 0.0))


def _lost(batch: Batch, pairs: Sequence[Pair]) -> int:
    return sum(batch.lost(pair) for pair in pairs)


def _set_bfd(ports: Sequence[str], interval_ms: int) -> None:
    words = []
    for port in ports:
        both = (f"bfd:min_tx={interval_ms}", f"bfd:min_rx={interval_ms}")
        words += ["--", "set", "Interface", port, *both]
    subprocess.run(["ovs-vsctl", *words], check=True)


def _have_pace(ports: Sequence[str], interval_ms: int) -> bool:
    """Whether both ends have agreed on an interval."""
    said = subprocess.run(
        ["ovs-appctl", "bfd/show"], check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, set[str]] = {}
    name = ""
    for line in said.splitlines():
        if line.startswith("---- "):
            name = line.split()[1]
        elif line.split()[1:2] == ["Interval:"]:
            found.setdefault(name, set()).add(line.split()[-1])
    return all(found[port] == {f"{interval_ms}ms"} for port in ports)
