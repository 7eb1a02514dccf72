"""Every shipped experiment is valid, says what it asks, and has a page with its results."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from experiments.result_pages import PAGES, marks
from experiments.runner import scenario_plan
from experiments.scenario_load import load_scenario, shipped_scenarios
from experiments.study.load import load_study, shipped_studies
from topologies.load import load_topology
from topologies.spec import FibreType

_FILES = {**shipped_scenarios(), **shipped_studies()}


@functools.cache
def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_are_valid_and_described(name: str) -> None:
    loaded = load_scenario(name)
    assert loaded.scenario.name == name
    assert loaded.scenario.description.endswith("?")


@pytest.mark.parametrize("name", shipped_studies())
def test_shipped_studies_have_their_file_s_name_and_a_question(name: str) -> None:
    loaded = load_study(name)
    assert loaded.study.name == name
    assert loaded.study.description


@pytest.mark.parametrize("name", _FILES)
def test_the_file_says_what_it_asks_and_what_was_expected(name: str) -> None:
    text = _FILES[name].read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "Expected: " in text


@pytest.mark.parametrize("name", _FILES)
def test_each_has_a_page_whose_mark_names_its_command(name: str) -> None:
    kind = "run" if name in shipped_scenarios() else "study"
    assert f"./fibercut {kind} {name}" in [mark.command for mark in marks(page(name))]
    assert "**Expected.**" in page(name)
    assert f"]({name}.md)" in page("index")


def test_the_fibre_of_a_what_if_is_that_of_all_spans(tmp_path: Path) -> None:
    """3.35 and 4.90 µs/km: hollow core takes 0.684 of the time, span by span."""
    text = _FILES["fiber-cut"].read_text(encoding="utf-8")
    delays_us = {}
    for fibre in ("smf", "hcf"):
        path = tmp_path / f"{fibre}.yaml"
        path.write_text(f"{text}\nfibre: {fibre}\n")
        spans = scenario_plan(load_scenario(str(path))).spans
        delays_us[fibre] = [span.delay_us for span in spans]
    for slow, fast in zip(delays_us["smf"], delays_us["hcf"], strict=True):
        assert fast / slow == pytest.approx(3.35 / 4.90, rel=0.002)


def test_a_declared_delay_is_no_matter_of_the_fibre() -> None:
    topology = load_topology("ai-backbone")
    declared = topology.spans[0].model_copy(update={"delay_us": 7.0})
    changed = topology.model_copy(update={"spans": (declared,)}).with_fibre(FibreType.HCF)
    assert (changed.spans[0].delay_us, changed.spans[0].fibre) == (7.0, FibreType.HCF)
