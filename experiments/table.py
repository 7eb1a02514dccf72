"""The answer as a table: a row a figure, a column a policy. Terminal and report share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

Figures = Mapping[str, Any]
"""One policy's entry of the summary."""
MISSING = "–"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all policies, as text, in the order of the columns."""

    label: str
    values: tuple[str, ...]
    emphasis: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """The rows about one workload."""

    title: str
    note: str
    rows: tuple[Row, ...]


def sections(policies: Mapping[str, Figures]) -> list[Section]:
    """All figures of a run, workload by workload."""
    found: list[Section] = []
    for kind, rows_of in _ROWS.items():
        names = dict.fromkeys(name for figures in policies.values() for name in figures[kind])
        for name in names:
            workload = [figures[kind].get(name) for figures in policies.values()]
            example = next(item for item in workload if item is not None)
            found.append(Section(name, _note(kind, example), tuple(rows_of(workload))))
    return found


def render(policies: Mapping[str, Figures]) -> Table:
    """The table for a terminal."""
    table = Table(show_header=True, header_style="bold", pad_edge=False, expand=False)
    table.add_column("", no_wrap=True)
    for name, figures in policies.items():
        failed = figures["status"] == FAILED
        table.add_column(f"{name} ({FAILED})" if failed else name, justify="right", no_wrap=True)
    for section in sections(policies):
        table.add_section()
        table.add_row(f"[bold]{section.title}[/bold]", *[""] * len(policies))
        if section.note:
            table.add_row(f"[dim]{section.note}[/dim]")
        for row in section.rows:
            style = "bold" if row.emphasis else ""
            table.add_row(f"  {row.label}", *row.values, style=style)
    return table


def _note(kind: str, example: Figures) -> str:
    if kind != "probes":
        return ""
    return f"{example['from']} → {example['to']}, {example['rate_pps']:,}/s"


def _row(
    label: str,
    workload: Sequence[Figures | None],
    value: Callable[[Figures], str],
    emphasis: bool = False,
) -> Row:
    return Row(label, tuple(FAILED if w is None else value(w) for w in workload), emphasis)


def _probe_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield _row("packets lost", workload, lambda w: f"{w['total']['lost']:,}", emphasis=True)
    example = next(item for item in workload if item is not None)
    if example["failover"] is None:
        return
    crosses = any(w is not None and w["failover"]["crosses_cut"] for w in workload)
    if crosses:
        yield from _failover_rows(workload)
    if any(w is not None and w["reoptimisation"] is not None for w in workload):
        yield _row("lost at the move to the best paths left", workload, _lost_in("reoptimisation"))
    if example["reversion"] is not None:
        yield _row("lost at the mend", workload, lambda w: f"{w['reversion']['lost']:,}")
    if any(w is not None and w["move_back"] is not None for w in workload):
        yield _row("lost at the move back", workload, _lost_in("move_back"))


def _lost_in(move: str) -> Callable[[Figures], str]:
    return lambda w: MISSING if w[move] is None else f"{w[move]['lost']:,}"


def _lost_by_stage(figures: Figures) -> str:
    stages = figures["failover"]["lost_by_stage"]
    return MISSING if stages is None else " / ".join(f"{lost:,}" for lost in stages.values())


def _failover_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    def failover(key: str, digits: int = 1) -> Callable[[Figures], str]:
        return lambda w: (
            number(w["failover"][key], digits) if w["failover"]["recovered"] else "not recovered"
        )

    yield _row("failover by timestamps (TBM), ms", workload, failover("tbm_ms"), emphasis=True)
    yield _row("failover by time of loss (TBLM), ms", workload, failover("tblm_ms"))
    yield _row("failover by packets lost (PLBM), ms", workload, failover("plbm_ms"))
    yield _row("cut to recovery, ms", workload, failover("recovery_ms"))
    yield _row("  detection, ms", workload, failover("detection_ms"))
    yield _row("  switchover, ms", workload, failover("switchover_ms"))
    yield _row("lost in flight / detection / switchover", workload, _lost_by_stage)


def _training_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    for phase in _phases(workload):
        yield _pair("all-reduce", workload, phase, "allreduce", ("p50", "max"))
    for phase in _phases(workload):
        yield _row(f"steps finished, {phase}", workload, _count(phase, "finished"))


def _inference_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    for phase in _phases(workload):
        yield _pair("first token", workload, phase, "ttft", ("p50", "p99"))
    yield _row("requests failed", workload, _failed_requests)


def _phases(workload: Sequence[Figures | None]) -> list[str]:
    return list(next(item for item in workload if item is not None))


def _pair(
    label: str,
    workload: Sequence[Figures | None],
    phase: str,
    key: str,
    which: tuple[str, str],
) -> Row:
    def value(w: Figures) -> str:
        first, second = (number(w[phase][f"{key}_{name}_ms"]) for name in which)
        return f"{first} / {second}"

    title = f"{label} {which[0]} / {which[1]}, {phase}, ms"
    return _row(title, workload, value, emphasis=phase == "during")


def _count(phase: str, key: str) -> Callable[[Figures], str]:
    return lambda w: f"{w[phase][key]:,}"


def _failed_requests(figures: Figures) -> str:
    failed = sum(phase["failed"] for phase in figures.values())
    return f"{failed:,} of {sum(phase['sent'] for phase in figures.values()):,}"


def _bulk_rows(workload: Sequence[Figures | None]) -> Iterator[Row]:
    yield _row("goodput, Mbit/s", workload, lambda w: number(w["goodput_mbps"], 2))


def number(value: float | None, digits: int = 1) -> str:
    """A figure with a fixed number of decimals; a dash for none."""
    return MISSING if value is None else f"{value:,.{digits}f}"


_ROWS: Mapping[str, Callable[[Sequence[Figures | None]], Iterator[Row]]] = {
    "probes": _probe_rows,
    "training": _training_rows,
    "inference": _inference_rows,
    "bulk": _bulk_rows,
}
