"""The answer as a table: a row a figure, a column a policy. Terminal and report share it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.table import Table

from experiments import availability
from experiments.forbidden import watches as forbidden
from experiments.rows import FAILED, Figures, Row, example
from experiments.spans import rows as span_rows
from experiments.workloads import KINDS


@dataclass(frozen=True, slots=True)
class Section:
    """The rows about one workload."""

    title: str
    note: str
    rows: tuple[Row, ...]


def sections(policies: Mapping[str, Figures]) -> list[Section]:
    """All figures of a run, workload by workload."""
    found: list[Section] = []
    for kind in KINDS.values():
        of_kind = [figures.get(kind.group, {}) for figures in policies.values()]
        for name in dict.fromkeys(name for figures in of_kind for name in figures):
            workload = [figures.get(name) for figures in of_kind]
            note = kind.note(example(workload))
            found.append(Section(name, note, tuple(kind.rows(workload))))
    return found + list(_of_the_network(policies))


def _of_the_network(policies: Mapping[str, Figures]) -> Iterator[Section]:
    for title, note, rows in (
        ("availability", "between sites, by their probes", availability.rows),
        ("forbidden", "on spans that these workloads must not use", forbidden.rows),
        ("spans", "of all spans, in each phase", span_rows.rows),
    ):
        figures = [told.get(title) or None for told in policies.values()]
        if any(figures):
            yield Section(title, note, tuple(rows(figures)))


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
