"""From the ranks' logs of a collective to nccl-tests' columns, phase by phase and size by size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from experiments.collective_bound import Ways, collective_s
from experiments.measurements.catalogue import COLLECTIVES as LOGGED
from experiments.measurements.reading import records
from experiments.phases import Phase
from experiments.rows import Figures
from experiments.workloads.kind import Measured
from experiments.workloads.ranks import RankFields, algorithm_of, shape
from traffic.clock import NS_PER_S
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.schedule import ELEMENT_BYTES
from traffic.logs import CollectiveRun

TYPE = "uint32"


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """One size in one phase; volumes and rates are those of the scaled network.

    time_us: mean from the first rank's start to the last rank's end. wrong: None if not
    checked. sent_bytes, received_bytes: of all ranks together, operations without an end
    included; what is missing was on its way when the run ended.
    """

    size_bytes: int
    count: int
    iterations: int
    unfinished: int
    time_us: float | None
    algbw_mbps: float | None
    busbw_mbps: float | None
    wrong: int | None
    bound_us: float
    ratio: float | None
    sent_bytes: int
    received_bytes: int


def collective_figures(
    trial: Measured, workload: RankFields, collective: str, root: int = 0
) -> Figures:
    """All sizes of all phases. Raises OSError or ValueError for damaged logs."""
    algorithm = algorithm_of(workload, collective)
    operations: dict[int, list[CollectiveRun]] = defaultdict(list)
    for run in runs_of(trial, workload):
        if not run.warm_up:
            operations[run.iteration].append(run)
    ways = Ways(trial.plan, workload.ranks)
    bounds_s = {
        size: collective_s(
            ways, collective, algorithm, shape(trial.plan, workload.ranks, size, root),
            workload.qps_per_connection,
        )
        for size in sorted({runs[0].bytes for runs in operations.values()})
    }  # fmt: skip
    ranks = len(workload.ranks)
    factor = COLLECTIVES[collective].bus_factor(ranks)
    return {
        "collective": collective,
        "algorithm": algorithm,
        "ranks": ranks,
        "type": TYPE,
        "redop": "sum" if COLLECTIVES[collective].reduces else "none",
        "phases": {
            phase.name: [
                asdict(_size(size, bound_s, factor, _of(operations.values(), phase, size), ranks))
                for size, bound_s in bounds_s.items()
            ]
            for phase in trial.phases
        },
    }


def runs_of(trial: Measured, workload: RankFields) -> list[CollectiveRun]:
    """What the ranks logged, rank by rank. Raises OSError or ValueError."""
    return records(trial.samples, LOGGED, workload.name)


def _of(
    operations: Iterable[list[CollectiveRun]], phase: Phase, size: int
) -> list[list[CollectiveRun]]:
    """The operations of a size that begin in a phase."""
    found = []
    for runs in operations:
        starts_ns = [run.start_ns for run in runs if run.start_ns is not None]
        if runs[0].bytes == size and starts_ns and phase.holds(min(starts_ns)):
            found.append(runs)
    return found


def _size(
    size: int,
    bound_s: float,
    factor: float,
    operations: Sequence[Sequence[CollectiveRun]],
    ranks: int,
) -> SizeFigures:
    done = [runs for runs in operations if _is_whole(runs, ranks)]
    time_s = fmean(map(_time_s, done)) if done else None
    algbw_mbps = size * 8 / time_s / 1e6 if time_s else None
    wrong = [run.wrong for runs in done for run in runs]
    return SizeFigures(
        size_bytes=size,
        count=size // ELEMENT_BYTES,
        iterations=len(done),
        unfinished=len(operations) - len(done),
        time_us=None if time_s is None else time_s * 1e6,
        algbw_mbps=algbw_mbps,
        busbw_mbps=None if algbw_mbps is None else algbw_mbps * factor,
        wrong=None if None in wrong else sum(count or 0 for count in wrong),
        bound_us=bound_s * 1e6,
        ratio=None if time_s is None else time_s / bound_s,
        sent_bytes=sum(run.sent_bytes for runs in operations for run in runs),
        received_bytes=sum(run.received_bytes for runs in operations for run in runs),
    )


def _is_whole(runs: Sequence[CollectiveRun], ranks: int) -> bool:
    return len(runs) == ranks and all(run.status == "ok" for run in runs)


def _time_s(runs: Sequence[CollectiveRun]) -> float:
    end_ns = max(run.end_ns or 0 for run in runs)
    return (end_ns - min(run.start_ns or 0 for run in runs)) / NS_PER_S
