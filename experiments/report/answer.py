"""The answer: the few figures for which a run was made, a policy beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.estimates import Estimate, estimate
from experiments.flat import chosen
from experiments.report.columns import Column
from experiments.rows import FAILED, MISSING, number
from experiments.workloads import KINDS

_LEAST_PERCENT = 0.5


@dataclass(frozen=True, slots=True)
class _Question:
    """Figures that one group of rows tells.

    figure: their names (`*` is the workload's). unit: behind the title. missing: what stands for
    a trial that ended well without the figure. asked: a figure of the same workload that is there
    even then, and must not be 0 in every trial. before: what the change is told against. share: it
    is told in %, without a bar.
    """

    title: str
    unit: str
    figure: str
    missing: str = MISSING
    asked: str | None = None
    before: str | None = None
    resolution: str | None = None
    digits: int = 1
    share: bool = False

    def text(self, value: float | None) -> str:
        """A value in the question's unit."""
        return number(None if value is None else value * (100 if self.share else 1), self.digits)


_QUESTIONS = (
    _Question(
        "Failover time of probed flows (by timestamps, RFC 6414 TBM)", "ms",
        "probes.*.failover.tbm_ms", "not recovered", "probes.*.failover.crosses_cut",
        resolution="probes.*.failover.resolution_ms",
    ),
    _Question("Probe packets lost", "", "probes.*.total.lost", digits=0),
    _Question(
        "Availability of pairs of sites, share of the time", "%", "availability.*.time_share",
        digits=3, share=True,
    ),
    _Question(
        "Training: all-reduce while something was broken, median", "ms",
        "training.*.during.allreduce_p50_ms", "none finished",
        "training.*.during.step_bound_ms", before="training.*.before.allreduce_p50_ms",
    ),
    _Question(
        "Training: step while something was broken, median", "ms",
        "training_loops.*.during.step_p50_ms", "none finished",
        "training_loops.*.during.step_bound_ms", before="training_loops.*.before.step_p50_ms",
    ),
    _Question(
        "Inference: first token while something was broken, p99", "ms",
        "inference.*.phases.during.ttft_p99_ms", "never", "inference.*.phases.during.sent",
        before="inference.*.phases.before.ttft_p99_ms",
    ),
    _Question(
        "Inference: requests failed while something was broken", "",
        "inference.*.phases.during.failed", digits=0,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of one policy. share: of the row's largest value, for the bar; None without one.

    interval: where its median may lie. note: what else has to be known, such as trials without it.
    """

    text: str
    share: float | None = None
    interval: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One workload's figure of all policies."""

    workload: str
    note: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that answer one question."""

    title: str
    rows: tuple[AnswerRow, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """What stands first: a policy's longest failover, and all that its probes lost."""

    label: str
    longest: str
    of: str
    lost: str
    trials: str


def answer(columns: Sequence[Column]) -> list[Group]:
    """The questions that these trials can answer, with their rows."""
    names = list(
        dict.fromkeys(name for c in columns for t in c.sample.trials for name in t.figures)
    )
    found = []
    for question in _QUESTIONS:
        figures = chosen(_asked(question, names, columns), [question.figure])
        rows = tuple(_row(question, figure, columns) for figure in figures)
        if rows:
            unit = f", {question.unit}" if question.unit else ""
            found.append(Group(question.title + unit, rows))
    return found


def headlines(columns: Sequence[Column]) -> list[Headline]:
    """One for each policy whose probes ran through a cut; none where there was no cut."""
    return [told for column in columns if (told := _headline(column)) is not None]


def _headline(column: Column) -> Headline | None:
    names = dict.fromkeys(name for trial in column.sample.trials for name in trial.figures)
    crossing = [
        name.removesuffix(".crosses_cut")
        for name in chosen(names, ["probes.*.failover.crosses_cut"])
        if any(column.sample.values(name))
    ]
    if not crossing:
        return None
    outs = {name: estimate(column.sample.values(f"{name}.tbm_ms")) for name in crossing}
    never = next((name for name, out in outs.items() if out.median is None), None)
    longest = never or max(outs, key=lambda name: outs[name].median or 0.0)
    lost = [column.sample.values(n) for n in chosen(names, ["probes.*.total.lost"])]
    totals = [sum(v or 0 for v in seed) for seed in zip(*lost, strict=True) if None not in seed]
    count = len(column.sample.trials)
    return Headline(
        column.label,
        "not recovered" if never else f"{number(outs[longest].median)} ms",
        longest.split(".")[1],
        number(estimate(totals).median, 0),
        f"median of {count} trials" if count > 1 else "",
    )


def _asked(question: _Question, names: Sequence[str], columns: Sequence[Column]) -> Iterator[str]:
    """The figure's names, of workloads that have it in some trial or should have it."""
    for name in chosen(names, [question.asked or question.figure]):
        if question.asked is None or any(any(c.sample.values(name)) for c in columns):
            yield _of_workload(question.figure, name)


def _of_workload(pattern: str, like: str) -> str:
    """A figure's name for the workload of another figure."""
    return pattern.replace("*", like.split(".")[1])


def _row(question: _Question, figure: str, columns: Sequence[Column]) -> AnswerRow:
    told = [estimate(column.sample.values(figure)) for column in columns]
    most = max((one.median for one in told if one.median is not None), default=0.0)
    cells = (_cell(question, figure, c, one, most) for c, one in zip(columns, told, strict=True))
    note = _described(figure, columns)
    if question.resolution is not None:
        name = _of_workload(question.resolution, figure)
        steps = (value for column in columns for value in column.sample.values(name))
        step_ms = next((value for value in steps if value is not None), None)
        note += f" ± {step_ms:g} ms" if step_ms is not None else ""
    return AnswerRow(figure.split(".")[1], note.strip(), tuple(cells))


def _described(figure: str, columns: Sequence[Column]) -> str:
    """What a workload is, as the table of all figures says it under its name."""
    group, workload, *_ = figure.split(".")
    told = [column.figures.get(group, {}).get(workload) for column in columns]
    shown = next((figures for figures in told if figures), None)
    kind = next((kind for kind in KINDS.values() if kind.group == group), None)
    return kind.note(shown) if kind and shown else ""


def _on_before(percent: float) -> str:
    """How much more it is than before the fault."""
    if abs(percent) < _LEAST_PERCENT:
        return "as before"
    return f"{percent:+.0f} % on before".replace("-", "−")


def _cell(question: _Question, figure: str, column: Column, told: Estimate, most: float) -> Cell:
    trials = column.sample.trials
    if told.median is None:
        ended_well = any(trial.status == "ok" for trial in trials)
        return Cell(question.missing if ended_well else FAILED)
    notes = []
    if question.before is not None:
        before = estimate(column.sample.values(_of_workload(question.before, figure))).median
        if before:
            notes.append(_on_before(100 * (told.median / before - 1)))
    if told.missing:
        notes.append(f"{told.missing} of {len(trials)} trials without: {question.missing}")
    interval = ""
    if told.median_ci is not None:
        low, high = (question.text(value) for value in told.median_ci)
        interval = f"{low} to {high}"
    share = None if question.share else told.median / most if most > 0 else 0.0
    return Cell(question.text(told.median), share, interval, "; ".join(notes))
