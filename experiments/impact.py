"""What a fault does to training, phase by phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.phases import Phase
from experiments.statistics import percentile
from traffic.clock import NS_PER_MS
from traffic.logs import Step


@dataclass(frozen=True, slots=True)
class Steps:
    """Training steps in a phase.

    allreduce: ms from the end of the first rank's computing to the last rank's end;
    step: ms from the first rank's start to the last rank's end. exposed: time of a rank's step
    in which it did not compute. goodput: the share of the ranks' time in which they computed.
    step_bound_ms: what a step takes at least; step_ratio: the mean step ÷ that. wrong: wrong
    numbers.
    """

    finished: int
    unfinished: int
    allreduce_p50_ms: float | None
    allreduce_max_ms: float | None
    step_p50_ms: float | None
    step_max_ms: float | None
    exposed_mean_ms: float | None
    goodput: float | None
    step_bound_ms: float | None
    step_ratio: float | None
    wrong: int


@dataclass(frozen=True, slots=True)
class JointStep:
    """One training step of all ranks together; end_ns is None if a rank did not finish."""

    start_ns: int
    compute_end_ns: int | None
    end_ns: int | None
    wrong: int
    ranks: Sequence[Step] = ()

    @property
    def allreduce_ms(self) -> float | None:
        """The all-reduce, from the first rank that waits to the last that is done."""
        if self.end_ns is None or self.compute_end_ns is None:
            return None
        return (self.end_ns - self.compute_end_ns) / NS_PER_MS


def joint_steps(ranks: Sequence[Step]) -> list[JointStep]:
    """The steps of all ranks put together, in order."""
    by_step: dict[int, list[Step]] = defaultdict(list)
    for row in ranks:
        by_step[row.step].append(row)
    return [_joint(by_step[number]) for number in sorted(by_step)]


def _joint(rows: Sequence[Step]) -> JointStep:
    whole = len(rows) == rows[0].ranks
    ends = [row.end_ns for row in rows if row.status == "ok" and row.end_ns is not None]
    computed = [row.compute_end_ns for row in rows if row.compute_end_ns is not None]
    return JointStep(
        start_ns=min(row.start_ns for row in rows),
        compute_end_ns=min(computed, default=None),
        end_ns=max(ends) if whole and len(ends) == len(rows) else None,
        wrong=sum(row.wrong or 0 for row in rows),
        ranks=rows,
    )


def training_impact(
    ranks: Sequence[Step], phases: Sequence[Phase], bound_s: float | None = None
) -> dict[str, Steps]:
    """Each phase's steps. bound_s: what a step takes at least.

    A step that touches `during` belongs there, any other to the phase that it starts in.
    """
    members: dict[str, list[JointStep]] = {phase.name: [] for phase in phases}
    for step in joint_steps(ranks):
        name = _phase_of(step, phases)
        if name is not None:
            members[name].append(step)
    return {name: _steps(steps, bound_s) for name, steps in members.items()}


def _phase_of(step: JointStep, phases: Sequence[Phase]) -> str | None:
    end_ns = phases[-1].until_ns if step.end_ns is None else step.end_ns
    for phase in phases:
        if phase.name == "during" and phase.overlaps(step.start_ns, end_ns):
            return phase.name
    return next((phase.name for phase in phases if phase.holds(step.start_ns)), None)


def _steps(steps: Sequence[JointStep], bound_s: float | None) -> Steps:
    done = [step for step in steps if step.end_ns is not None]
    allreduce_ms = np.array([step.allreduce_ms for step in done], dtype=float)
    step_ms = np.array([((s.end_ns or 0) - s.start_ns) / NS_PER_MS for s in done], dtype=float)
    return Steps(
        finished=len(done),
        unfinished=len(steps) - len(done),
        allreduce_p50_ms=percentile(allreduce_ms, 50),
        allreduce_max_ms=percentile(allreduce_ms, 100),
        step_p50_ms=percentile(step_ms, 50),
        step_max_ms=percentile(step_ms, 100),
        **_efficiency([row for step in done for row in step.ranks], bound_s),
        wrong=sum(step.wrong for step in steps),
    )


def _efficiency(rows: Sequence[Step], bound_s: float | None) -> dict[str, float | None]:
    """From the finished steps of single ranks: what they waited, and what it could have been."""
    step_ns = np.array([(row.end_ns or 0) - row.start_ns for row in rows], dtype=float)
    if not rows or not step_ns.sum():
        return dict.fromkeys(("exposed_mean_ms", "goodput", "step_bound_ms", "step_ratio"))
    exposed_ns = np.array([row.exposed_ns or 0 for row in rows], dtype=float)
    return {
        "exposed_mean_ms": float(exposed_ns.mean()) / NS_PER_MS,
        "goodput": float(1 - exposed_ns.sum() / step_ns.sum()),
        "step_bound_ms": None if bound_s is None else bound_s * 1000,
        "step_ratio": None if not bound_s else float(step_ns.mean()) / 1e9 / bound_s,
    }
