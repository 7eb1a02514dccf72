"""A page's results are those of the folder, and the rest of the page stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import result_pages
from experiments.result_pages import marks, page_with, result_lines, rewrite
from experiments.sample import Sample, SampleTrial, sample_statistics
from topologies.problems import InputError

PAGE = """# cut

Before.

<!-- results
command: ./fibercut run cut
figures:
  probes.a.lost: packets lost
  probes.a.gone: never measured
-->
old
<!-- end of results -->

## Reading

After.
"""
STUDY = PAGE.replace("run cut", "study cut")


def summary() -> dict[str, Any]:
    def policy(lost: int, reason: str | None = None) -> dict[str, Any]:
        return {"reason": reason, "probes": {"a": {"lost": lost}}}

    return {
        "scenario": "cut",
        "seed": 3,
        "virtual_s": 12.4,
        "policies": {"none": policy(12_345), "restoration": policy(7, "void: busy")},
    }


def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "summary.json").write_text(json.dumps(summary()))
    return tmp_path


def study_folder(tmp_path: Path) -> Path:
    samples = [
        Sample(
            (("bfd.interval_ms", value),),
            "none",
            (
                *(SampleTrial(n, "ok", None, {"probes.a.lost": n * value}) for n in (1, 2, 3)),
                SampleTrial(4, "failed", "x", {}),
            ),
        )
        for value in (1, 10)
    ]
    table = {"study": "cut", "trials": 8, **sample_statistics(samples)}
    (tmp_path / "table.json").write_text(json.dumps(table))
    return tmp_path


def test_a_run_s_figures_stand_beside_each_other_and_failures_are_told(tmp_path: Path) -> None:
    lines = list(result_lines(marks(PAGE)[0], run_folder(tmp_path)))
    assert "|  | none | restoration |" in lines
    assert "| packets lost | 12,345 | 7 |" in lines
    assert "| never measured | – | – |" in lines
    assert "Failed: restoration: void: busy" in lines


def test_a_study_s_rows_are_its_points_with_median_interval_and_missing(tmp_path: Path) -> None:
    lines = list(result_lines(marks(STUDY)[0], study_folder(tmp_path)))
    assert "| interval_ms | packets lost | never measured |" in lines
    assert "| 10 | 20 [10, 30] (1 without) | – |" in lines
    assert lines[-1] == "8 trials, 2 failed; medians of 4 seeds with their 95 % intervals."


def test_what_is_by_hand_stays_and_twice_is_once(tmp_path: Path) -> None:
    lines = list(result_lines(marks(PAGE)[0], run_folder(tmp_path)))
    once = page_with(PAGE, "cut", lines)
    assert once.startswith("# cut\n\nBefore.\n")
    assert once.endswith("## Reading\n\nAfter.\n")
    assert "old" not in once
    assert page_with(once, "cut", lines) == once


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# nothing\n", "no mark '<!-- results' names the command of 'cut'"),
        (PAGE.replace("run cut", "run other"), "names the command of 'cut'"),
        (PAGE.replace("figures:", "figure:"), "a mark needs a command and figures"),
    ],
)
def test_a_page_without_a_place_for_the_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr(result_pages, "PAGES", tmp_path)
    (tmp_path / "cut.md").write_text(text)
    with pytest.raises(InputError, match=r"cut\.md") as caught:
        rewrite("cut", run_folder(tmp_path))
    assert told in str(caught.value)
    assert (tmp_path / "cut.md").read_text() == text


def test_a_folder_without_results_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_pages, "PAGES", tmp_path)
    (tmp_path / "cut.md").write_text(PAGE)
    with pytest.raises(InputError, match=r"summary\.json"):
        rewrite("cut", tmp_path / "nowhere")
