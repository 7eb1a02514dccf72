"""The report in a real browser, without a network: its controls, its charts, its accessibility."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from experiments.flat import HEADLINES
from experiments.report.comparison import compared
from experiments.report.page import report_page, write_report
from tests.unit.cut_runs import CUT_S, MEND_S, NOTICED_MS, OUT_MS, make_cut_run

LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_cut_run(tmp_path_factory.mktemp("runs"))
    path = run / "report.html"
    write_report(path, [run])
    return path


@pytest.fixture
def page(open_page: Open, report: Path) -> Page:
    return shown(open_page, report)


def shown(open_page: Open, path: Path, **context: Any) -> Page:
    """The page, opened from its file in a browser that has no network."""
    found = open_page(viewport=context.pop("viewport", LAPTOP), offline=True, **context)
    found.goto(path.as_uri())
    found.wait_for_selector("html[data-ready]")
    return found


def all_drawn(page: Page) -> None:
    for place in page.query_selector_all(".plot"):
        place.evaluate("place => place.scrollIntoView()")
        page.wait_for_function("place => place.dataset.drawn === 'yes'", arg=place)
    page.evaluate("scrollTo(0, 0)")


def paths_shown(page: Page) -> dict[str, str]:
    """The spans that are lit up, with the kind of their path."""
    found: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#netmap .halo')]"
        ".filter(halo => halo.dataset.path).map(halo => [halo.dataset.id, halo.dataset.path]))"
    )
    return found


def go_to(page: Page, time_s: float) -> None:
    page.get_by_label("Time after the start of the workloads").fill(str(time_s))


def cut_spans(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll(\".span[data-fault='cut']\")].map(span => span.dataset.id)"
    )
    return sorted(found)


def test_the_answer_comes_first(page: Page) -> None:
    answer = page.locator("main > section").first
    assert answer.get_attribute("id") == "answer"
    cards = answer.locator(".cards li")
    assert [card.splitlines()[0] for card in cards.all_inner_texts()] == list(OUT_MS)
    row = answer.locator("tr", has_text="probe-training").first.inner_text()
    assert "40.0" in row
    assert "63.0" in row


def test_the_map_plays_the_cut_the_repair_and_the_way_back(page: Page) -> None:
    go_to(page, CUT_S - 0.1)
    assert cut_spans(page) == []
    assert paths_shown(page)["quincy-chicago"] == "usual"
    go_to(page, CUT_S + NOTICED_MS / 2000)
    assert cut_spans(page) == ["quincy-chicago", "seattle-chicago"]
    assert paths_shown(page)["quincy-chicago"] == "broken"
    go_to(page, CUT_S + NOTICED_MS / 1000 + 0.001)
    assert paths_shown(page)["quincy-denver"] == "repair"
    assert "quincy-chicago" not in paths_shown(page)
    go_to(page, MEND_S + 0.6)
    assert cut_spans(page) == []
    assert paths_shown(page)["quincy-chicago"] == "usual"


def test_a_policy_without_local_repair_moves_when_its_rules_come(page: Page) -> None:
    page.get_by_role("radio", name="restoration").check()
    go_to(page, CUT_S + NOTICED_MS / 1000 + 0.01)
    assert paths_shown(page)["quincy-chicago"] == "broken"
    go_to(page, CUT_S + 0.06)
    assert paths_shown(page)["quincy-denver"] == "moved"


def test_spans_are_coloured_by_what_they_carry(page: Page) -> None:
    def level(span: str) -> str | None:
        return page.locator(f'.span[data-id="{span}"] .load.forward').get_attribute("data-level")

    go_to(page, 1.0)
    assert (level("quincy-denver"), level("oslo-lulea")) == ("1", "1")
    go_to(page, 3.0)
    assert (level("quincy-denver"), level("oslo-lulea")) == ("3", "1")


def test_it_plays_pauses_and_jumps(page: Page) -> None:
    time = page.get_by_label("Time after the start of the workloads")
    page.get_by_label("Speed").select_option(label="3 × real time")
    go_to(page, 0.0)
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("timeline.timeS > 0.5")
    page.get_by_role("button", name="Pause", exact=True).click()
    stopped = time.input_value()
    page.get_by_role("button", name="Mended").click()
    assert float(time.input_value()) == pytest.approx(MEND_S, abs=0.01)
    assert float(stopped) < MEND_S


def test_the_keyboard_does_it_all(page: Page) -> None:
    time = page.get_by_label("Time after the start of the workloads")
    time.focus()
    page.keyboard.press("Home")
    assert float(time.input_value()) == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert float(time.input_value()) == pytest.approx(0.066)
    page.keyboard.press("End")
    assert float(time.input_value()) == 6
    page.keyboard.press("Home")
    before = page.get_by_label("Speed").input_value()
    page.keyboard.press("]")
    assert float(page.get_by_label("Speed").input_value()) > float(before)
    page.keyboard.press(" ")
    page.wait_for_function("timeline.timeS > 0")
    page.keyboard.press(" ")
    assert page.get_by_role("button", name="Play", exact=True).is_visible()


def test_the_time_around_the_cut_is_shown_large(page: Page) -> None:
    page.get_by_label("Time shown").select_option("from 0")
    time = page.get_by_label("Time after the start of the workloads")
    assert float(time.get_attribute("max") or 0) - float(time.get_attribute("min") or 0) < 0.5


def test_a_path_is_chosen(page: Page) -> None:
    go_to(page, 1.0)
    page.get_by_label("Paths of").select_option(label="probe-bystander: London → Frankfurt-Höchst")
    assert "london-amsterdam" in paths_shown(page)
    assert "quincy-chicago" not in paths_shown(page)
    page.get_by_label("Paths of").select_option("none")
    assert paths_shown(page) == {}


def test_who_points_at_a_span_is_told_its_load(page: Page) -> None:
    go_to(page, 3.0)
    page.locator('.span[data-id="quincy-denver"] .reach').dispatch_event("pointermove")
    told = page.locator(".netmap-tip").inner_text()
    assert "50 %" in told
    assert "quincy-denver" in told


def test_every_chart_is_drawn(page: Page) -> None:
    all_drawn(page)
    assert page.locator(".plot svg, .plot canvas").count() >= page.locator(".plot").count() > 8


def test_data_are_downloaded(page: Page) -> None:
    with page.expect_download() as waiting:
        page.locator("#around-the-cut a.csv").click()
    assert waiting.value.suggested_filename == "cut-around-the-cut.csv"
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    lost = [row for row in rows if row["policy"] == "fast-reroute" and row["fate"] == "lost"]
    assert len(lost) == OUT_MS["fast-reroute"] + 1  # 1,000 packets/s, and the seed's own 1 ms


def test_events_are_filtered(page: Page) -> None:
    page.get_by_label("Show only rows with").fill("fault-mend")
    rows = page.locator(".events tbody tr:visible").all_inner_texts()
    assert len(rows) == 2
    assert all("fault-mend" in row for row in rows)


def test_a_text_with_markup_is_shown_as_it_is(page: Page) -> None:
    assert "</script><b>Markup</b>" in page.locator("header p").first.inner_text()


@pytest.mark.parametrize("viewport", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits(
    open_page: Open, report: Path, viewport: dict[str, int], scheme: str
) -> None:
    page = shown(open_page, report, viewport=viewport, color_scheme=scheme)
    all_drawn(page)
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_it_prints_with_all_of_its_charts(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "[...document.querySelectorAll('.plot')].every(one => one.dataset.drawn === 'yes')"
    )
    assert not page.get_by_label("Speed").is_visible()
    land = page.evaluate("getComputedStyle(document.querySelector('#netmap .land')).fill")
    assert land == "rgb(238, 235, 228)"  # paper is light, whatever the screen is
    assert page.locator("#netmap > svg").is_visible()


def test_a_run_without_samples_of_spans_still_has_its_map(open_page: Open, tmp_path: Path) -> None:
    run = make_cut_run(tmp_path, ["fast-reroute"], spans=False)
    path = tmp_path / "report.html"
    write_report(path, [run])
    page = shown(open_page, path)
    go_to(page, CUT_S + 0.05)
    assert paths_shown(page)["quincy-denver"] == "repair"
    assert page.locator("#utilisation").count() == 0


def test_a_comparison_tells_differences(open_page: Open, tmp_path: Path) -> None:
    runs = [make_cut_run(tmp_path / name, ["fast-reroute"], trials=3, worse_ms=worse)
            for name, worse in (("old", 0.0), ("new", 5.0))]  # fmt: skip
    found = compared(str(runs[0]), str(runs[1]), HEADLINES)
    path = tmp_path / "compare.html"
    path.write_text(report_page(found.runs, found.joined, found.differences), encoding="utf-8")
    page = shown(open_page, path)
    row = page.locator("#differences tr", has_text="probe-training.failover.tbm_ms").inner_text()
    assert row.split("\t")[-2:] == ["5", "5 to 5 *"]
