"""Coverage as JSON, as a table and as a plot."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from rich.console import Console
from rich.table import Table

from experiments.coverage import Coverage, Mechanism, Tally
from experiments.coverage_anchors import Anchors

SCHEMA_VERSION = 1
_SHOWN_LOST = 5


def as_json(found: Coverage, compared: Anchors) -> dict[str, Any]:
    """All figures. Shares are of the pairs that the failures leave connected."""
    rules = found.desired.rules.values()
    return {
        "schema_version": SCHEMA_VERSION,
        "topology": found.plan.name,
        "policy": found.policy.name,
        "protection": found.policy.protection.value,
        "failures": {kind.value: _tally(tally) for kind, tally in found.tallies.items()},
        "repairs_by_labels": list(found.desired.label_depths),
        "less_protected": [
            {
                "switch": shortfall.site,
                "span": shortfall.span,
                "destinations": list(shortfall.destinations),
                "protection": shortfall.protection.value,
            }
            for shortfall in found.desired.shortfalls
        ],
        "rules_per_switch": {
            "flows": _spread([len(held.flows) for held in rules]),
            "groups": _spread([len(held.groups) for held in rules]),
        },
        "anchors": {"lfa": compared.lfa, "remote_lfa": compared.remote_lfa},
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "failures": tally.failures,
        "pairs": tally.mechanisms.total(),
        "delivered": tally.delivered,
        "looped": tally.looped,
        "by": {mechanism.value: tally.share(mechanism) for mechanism in Mechanism},
        "stretch": {
            "median": tally.stretch(0.5), "p95": tally.stretch(0.95), "max": tally.stretch(1),
        },
        "lost": [
            {"failure": lost.failure, "from": lost.source, "to": lost.target, "why": lost.reason}
            for lost in tally.lost
        ],
    }  # fmt: skip


def _spread(counts: list[int]) -> dict[str, float]:
    return {"median": statistics.median(counts), "max": max(counts), "total": sum(counts)}


def print_tables(found: Coverage, compared: Anchors, console: Console) -> None:
    """The figures for people."""
    table = Table(title=f"{found.plan.name}: {found.policy.name}", title_justify="left")
    table.add_column("when this fails")
    kinds = list(found.tallies)
    for kind in kinds:
        table.add_column(kind.value, justify="right")
    rows = [("failures", [str(t.failures) for t in found.tallies.values()])]
    rows.append(("delivered", [_percent(t.delivered) for t in found.tallies.values()]))
    for mechanism in Mechanism:
        shares = [tally.share(mechanism) for tally in found.tallies.values()]
        if any(shares):
            rows.append((f"  {mechanism.value}", [_percent(share) for share in shares]))
    for name, share in (("median", 0.5), ("95 %", 0.95), ("most", 1.0)):
        stretches = [tally.stretch(share) for tally in found.tallies.values()]
        rows.append((f"delay after ÷ before, {name}", [_number(value) for value in stretches]))
    for name, cells in rows:
        table.add_row(name, *cells)
    console.print(table)
    _print_notes(found, compared, console)


def _print_notes(found: Coverage, compared: Anchors, console: Console) -> None:
    flows = [len(held.flows) for held in found.desired.rules.values()]
    groups = [len(held.groups) for held in found.desired.rules.values()]
    depths = ", ".join(f"{n}: {count}" for n, count in enumerate(found.desired.label_depths))
    console.print(
        f"Rules per switch: {statistics.median(flows):.0f} flows and "
        f"{statistics.median(groups):.0f} groups (median), {max(flows)} and {max(groups)} (most). "
        f"Repairs by number of labels: {depths}.",
        highlight=False,
    )
    console.print(
        "For comparison, a single span's failure would find protected: with loop-free alternates "
        f"{_percent(compared.lfa)}, with remote ones {_percent(compared.remote_lfa)} of all "
        "(switch, destination).",
        highlight=False,
    )
    for kind, tally in found.tallies.items():
        for lost in tally.lost[:_SHOWN_LOST]:
            console.print(
                f"Lost with {kind.value} {lost.failure}: {lost.source} → {lost.target} "
                f"({lost.reason})",
                highlight=False,
            )
        if len(tally.lost) > _SHOWN_LOST:
            console.print(f"… and {len(tally.lost) - _SHOWN_LOST} more; --json lists them all")


def _percent(share: float) -> str:
    # Rounded down: 100 % means all.
    return f"{int(share * 1e4 + 1e-9) / 100:.2f} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def plot(found: Coverage, path: Path) -> None:
    """A bar for each kind of failure, divided by mechanism; an SVG file."""
    order = [mechanism.value for mechanism in Mechanism]
    rows = [
        {"fails": kind.value, "how": mechanism.value, "share": tally.share(mechanism), "order": n}
        for kind, tally in found.tallies.items()
        for n, mechanism in enumerate(Mechanism)
    ]
    chart = (
        alt.Chart(alt.Data(values=rows), title=f"{found.plan.name}: {found.policy.name}")
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of connected pairs", axis=alt.Axis(format="%")),
            y=alt.Y("fails:N", title="what fails", sort=[kind.value for kind in found.tallies]),
            color=alt.Color("how:N", title=None, sort=order),
            order="order:Q",
        )
        .properties(width=500, height={"step": 30})
    )
    path.write_text(vl_convert.vegalite_to_svg(chart.to_dict()), encoding="utf-8")
