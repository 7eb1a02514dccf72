"""What the table says of a workload with several phases."""

from __future__ import annotations

from typing import Any

from experiments.rows import FAILED, Row
from experiments.workloads.collective import rows


def size(time_us: float | None, iterations: int, unfinished: int = 0) -> dict[str, Any]:
    return {
        "size_bytes": 50_000, "time_us": time_us, "busbw_mbps": None if time_us is None else 2.5,
        "ratio": None if time_us is None else 1.25, "iterations": iterations,
        "unfinished": unfinished, "wrong": 0,
    }  # fmt: skip


def shown(*policies: dict[str, Any] | None) -> dict[str, tuple[str, ...]]:
    found: list[Row] = list(rows(policies))
    return {row.label: row.values for row in found}


def test_each_size_has_one_row_for_a_figure_of_all_phases() -> None:
    whole = {"phases": {"before": [size(1500.0, 3)], "during": [size(None, 0)]}}
    assert shown(whole, None) == {
        "50,000 B: time, before / during, ms": ("1.50 / –", FAILED),
        "50,000 B: busbw, before / during, Mbit/s": ("2.50 / –", FAILED),
        "50,000 B: × bound, before / during": ("1.250 / –", FAILED),
        "50,000 B: operations, before / during": ("3 / 0", FAILED),
        "50,000 B: wrong numbers, before / during": ("0 / 0", FAILED),
    }


def test_what_is_unfinished_at_one_policy_is_told_for_all() -> None:
    whole = {"phases": {"during": [size(1500.0, 3)]}}
    cut = {"phases": {"during": [size(None, 0, unfinished=1)]}}
    assert shown(whole, cut)["50,000 B: unfinished, during"] == ("0", "1")
