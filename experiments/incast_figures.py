"""From the logs of senders and receiver to how long each burst of all senders took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from experiments.collective_bound import Ways, programs_s
from experiments.measurements.catalogue import BURSTS_RECEIVED, BURSTS_SENT
from experiments.measurements.reading import records
from experiments.phases import Phase
from experiments.rows import Figures
from experiments.workloads.incast import IncastWorkload
from experiments.workloads.kind import BYTES_PER_GB, Measured
from traffic.clock import NS_PER_MS
from traffic.collectives.schedule import ELEMENT_BYTES, Message
from traffic.logs import BurstReceived, BurstSent


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst of all senders. complete_ms: to the last sender's last byte; None: never."""

    due_ns: int
    complete_ms: float | None
    sent_bytes: int
    received_bytes: int
    retransmitted: int


@dataclass(frozen=True, slots=True)
class IncastFigures:
    """The bursts that were due in a phase. ratio: the median ÷ the bound."""

    bursts: int
    unfinished: int
    complete_p50_ms: float | None
    complete_max_ms: float | None
    bound_ms: float
    ratio: float | None
    sent_bytes: int
    received_bytes: int
    retransmitted: int


def incast_figures(trial: Measured, workload: IncastWorkload) -> Figures:
    """Each phase's bursts. Raises OSError or ValueError for damaged logs."""
    found = bursts(trial, workload)
    ways = Ways(trial.plan, (workload.to_host, *workload.hosts))
    bound_ms = _bound_s(ways, workload, trial.plan.scale) * 1000
    return {phase.name: asdict(_phase(phase, found, bound_ms)) for phase in trial.phases}


def bursts(trial: Measured, workload: IncastWorkload) -> list[Burst]:
    """All bursts in order."""
    received: dict[int, list[BurstReceived]] = defaultdict(list)
    for one in records(trial.samples, BURSTS_RECEIVED, workload.name):
        received[one.burst].append(one)
    sent: dict[int, list[BurstSent]] = defaultdict(list)
    for burst in records(trial.samples, BURSTS_SENT, workload.name):
        sent[burst.burst].append(burst)
    return [
        _burst(trial.start_ns, number, sent[number], received[number], workload)
        for number in sorted(sent)
    ]


def _burst(
    start_ns: int,
    number: int,
    sent: Sequence[BurstSent],
    received: Sequence[BurstReceived],
    workload: IncastWorkload,
) -> Burst:
    due_ns = start_ns + round(number * workload.period_s * 1e9)
    ends_ns = [one.end_ns for one in received if one.end_ns is not None]
    whole = len(ends_ns) == len(workload.hosts)
    return Burst(
        due_ns=due_ns,
        complete_ms=(max(ends_ns) - due_ns) / NS_PER_MS if whole else None,
        sent_bytes=sum(one.sent_bytes for one in sent),
        received_bytes=sum(one.received_bytes for one in received),
        retransmitted=sum(one.retransmitted or 0 for one in sent),
    )


def _phase(phase: Phase, found: Sequence[Burst], bound_ms: float) -> IncastFigures:
    due = [burst for burst in found if phase.holds(burst.due_ns)]
    times_ms = [burst.complete_ms for burst in due if burst.complete_ms is not None]
    return IncastFigures(
        bursts=len(due),
        unfinished=len(due) - len(times_ms),
        complete_p50_ms=median(times_ms) if times_ms else None,
        complete_max_ms=max(times_ms, default=None),
        bound_ms=bound_ms,
        ratio=median(times_ms) / bound_ms if times_ms else None,
        sent_bytes=sum(burst.sent_bytes for burst in due),
        received_bytes=sum(burst.received_bytes for burst in due),
        retransmitted=sum(burst.retransmitted for burst in due),
    )


def _bound_s(ways: Ways, workload: IncastWorkload, scale: float) -> float:
    """All bursts at once, each on its shortest way, without jitter."""
    elements = round(workload.size_gb * BYTES_PER_GB / scale) // ELEMENT_BYTES
    ranks = range(1, len(workload.hosts) + 1)
    span = (0, elements)
    receiver = [[Message(rank, span, sends=False) for rank in ranks]]
    return programs_s(ways, [receiver, *([[Message(0, span, sends=True)]] for _ in ranks)])
