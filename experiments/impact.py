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

STEADY_STEPS = 3


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
class Setback:
    """What a fault cost training, against the steps before it.

    usual_step_ms: the median step before. steps_stretched: finished steps that were longer than
    any before. steps_lost: the time lost in those and in unfinished ones, in usual steps.
    recovery_ms: from the fault to the first of STEADY_STEPS steps in a row that are not
    stretched; 0 if none ever was, None if they did not come.
    """

    usual_step_ms: float
    steps_stretched: int
    steps_lost: float
    recovery_ms: float | None


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

    @property
    def step_ms(self) -> float | None:
        """The whole step."""
        return None if self.end_ns is None else (self.end_ns - self.start_ns) / NS_PER_MS


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


def setback(ranks: Sequence[Step], phases: Sequence[Phase]) -> Setback | None:
    """What the time since the first fault cost; None without a fault, or a step before it."""
    fault = next((phase for phase in phases if phase.name == "during"), None)
    if fault is None:
        return None
    steps, warm_ns = joint_steps(ranks), phases[0].from_ns
    usual = [
        step.step_ms
        for step in steps
        if step.step_ms is not None
        and step.start_ns >= warm_ns
        and (step.end_ns or 0) <= fault.from_ns
    ]
    if not usual:
        return None
    usual_ms, longest_ms = float(np.median(usual)), max(usual)
    hit = [step for step in steps if step.end_ns is None or step.end_ns > fault.from_ns]
    stretched = [step.step_ms is None or step.step_ms > longest_ms for step in hit]
    end_ns = phases[-1].until_ns
    lost_ms = sum(
        _lost_ms(step, usual_ms, end_ns)
        for step, is_longer in zip(hit, stretched, strict=True)
        if is_longer
    )
    return Setback(
        usual_step_ms=usual_ms,
        steps_stretched=sum(
            is_longer and step.step_ms is not None
            for step, is_longer in zip(hit, stretched, strict=True)
        ),
        steps_lost=lost_ms / usual_ms,
        recovery_ms=_recovery_ms(hit, stretched, fault.from_ns),
    )


def _lost_ms(step: JointStep, usual_ms: float, end_ns: int) -> float:
    if step.step_ms is not None:
        return step.step_ms - usual_ms
    # The step that the end of the run cuts off is late only by what is beyond a usual one.
    return max(0.0, (end_ns - step.start_ns) / NS_PER_MS - usual_ms)


def _recovery_ms(
    steps: Sequence[JointStep], stretched: Sequence[bool], fault_ns: int
) -> float | None:
    cut_off = bool(steps) and steps[-1].end_ns is None
    finished = list(stretched[:-1] if cut_off else stretched)
    if not any(finished) and not (cut_off and not finished):
        return 0.0
    first = finished.index(True) if any(finished) else len(finished)
    for index in range(first, len(finished) - STEADY_STEPS + 1):
        if not any(finished[index : index + STEADY_STEPS]):
            return max(0.0, (steps[index].start_ns - fault_ns) / NS_PER_MS)
    return None


def _phase_of(step: JointStep, phases: Sequence[Phase]) -> str | None:
    end_ns = phases[-1].until_ns if step.end_ns is None else step.end_ns
    for phase in phases:
        if phase.name == "during" and phase.overlaps(step.start_ns, end_ns):
            return phase.name
    return next((phase.name for phase in phases if phase.holds(step.start_ns)), None)


def _steps(steps: Sequence[JointStep], bound_s: float | None) -> Steps:
    done = [step for step in steps if step.end_ns is not None]
    allreduce_ms = np.array([step.allreduce_ms for step in done], dtype=float)
    step_ms = np.array([step.step_ms for step in done], dtype=float)
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
