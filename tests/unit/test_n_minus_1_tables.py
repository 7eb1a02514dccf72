"""The tables of the N-1 study, from results as a guest writes them."""

from __future__ import annotations

import pytest

from tests.benchmarks.n_minus_1.parts import PARTS, Chunk, chunks
from tests.benchmarks.n_minus_1.tables import PAGE, Trial, broken, summary, with_tables


def trial(**changes: object) -> Trial:
    return {
        "trial": "a-b", "part": "spans", "failure": "a-b", "silent": True, "bfd_ms": 10,
        "pairs": 4, "by_controller": 0, "worst_ms": 30.5, "limit_ms": 36.0, "over_limit": 0,
        "unhealed": 0, "others_lost": 0, "away_lost": 0, "back_lost": 0, "end_lost": 0,
        "doubled": 0, **changes,
    }  # fmt: skip


def test_a_row_shows_the_trial_with_the_least_to_spare_and_the_sum_of_losses() -> None:
    trials = [trial(), trial(worst_ms=41.0, limit_ms=42.0), trial(away_lost=2), trial(back_lost=3)]
    row = summary(trials).splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:7] == ["spans", "silent", "10 ms × 3", "4 of 30", "16", "0", "41.0 / 42.0"]
    assert cells[-4:] == ["2", "3", "0", "0"]


@pytest.mark.parametrize(
    "promise", ["over_limit", "unhealed", "others_lost", "end_lost", "doubled"]
)
def test_a_broken_promise_is_noticed(promise: str) -> None:
    assert not broken(trial())
    assert broken(trial(**{promise: 1}))


def test_the_page_takes_new_tables_between_its_marks_only() -> None:
    page = PAGE.read_text(encoding="utf-8")
    new = with_tables(page, [trial()], "Seed 1.")
    assert "30.5 / 36.0" in new
    assert with_tables(new, [trial(worst_ms=1.0)], "Seed 2.").count("Seed") == 1
    with pytest.raises(ValueError, match="needs the lines"):
        with_tables("# Empty\n", [trial()], "")


def test_every_part_is_done_and_a_chunk_is_found_by_its_name() -> None:
    found = chunks(PARTS)
    assert {chunk.part for chunk in found} == set(PARTS)
    assert [Chunk.named(chunk.name) for chunk in found] == found
