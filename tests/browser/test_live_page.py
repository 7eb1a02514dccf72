"""The live page in a browser: a cut made there is seen in the probes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "tests" / "data" / "scenarios" / "live.yaml"
PATIENCE_MS = 120_000


class LiveRun:
    """`fibercut run --live`, as a user starts it."""

    def __init__(self, out: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "experiments.cli", "run", str(SCENARIO), "--json"]
        command += ["--live", "--port", "0", "--out", str(out), *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)
        assert self.process.stderr is not None
        said = ""
        while (found := re.search(r"live: (\S+)", said)) is None:
            line = self.process.stderr.readline()
            assert line, said
            said += line
        self.url = found[1]

    def summary(self) -> dict[str, Any]:
        said, complaints = self.process.communicate(timeout=PATIENCE_MS / 1000)
        assert self.process.returncode == 0, complaints
        result: dict[str, Any] = json.loads(said)
        return result


@pytest.fixture
def run(tmp_path: Path) -> Iterator[LiveRun]:
    # Slow enough for two browsers, on a busy machine too.
    live = LiveRun(tmp_path, "--speed", "0.5")
    yield live
    if live.process.poll() is None:
        live.process.terminate()
        live.process.communicate()


def opened(open_page: Callable[..., Page], url: str, **context: Any) -> Page:
    page = open_page(**context)
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    return page


def test_a_cut_made_from_the_page_is_seen_in_the_probes(
    run: LiveRun, open_page: Callable[..., Page]
) -> None:
    wide = opened(open_page, run.url, viewport={"width": 1280, "height": 900})
    phone = opened(open_page, run.url, viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert "token" not in wide.url
    # Probes are under way: a cut before the first packet would cost none.
    time_shown = wide.get_by_label("Time of the experiment")
    expect(time_shown).to_have_text(re.compile("^[1-9]"), timeout=PATIENCE_MS)
    wide.get_by_label("What").select_option(label="ab")
    wide.get_by_role("button", name="Cut", exact=True).click()
    mend = wide.get_by_role("button", name="Mend span-cut ab (silent)")
    expect(mend).to_be_visible(timeout=PATIENCE_MS)
    expect(phone.get_by_role("button", name="Mend span-cut ab (silent)")).to_be_visible(
        timeout=PATIENCE_MS
    )
    lost = wide.locator(".lost-count")
    expect(lost).not_to_have_text("0 lost", timeout=PATIENCE_MS)
    wide.get_by_role("button", name="Cut", exact=True).click()
    expect(wide.locator("#events")).to_contain_text("ab is broken already", timeout=PATIENCE_MS)
    phone.close()
    wide.reload()
    expect(lost).not_to_have_text("0 lost", timeout=PATIENCE_MS)
    mend.click()
    expect(wide.locator("#standing")).to_have_text("nothing", timeout=PATIENCE_MS)
    for label in ("Speed: Max", "Speed: Pause"):
        expect(wide.get_by_role("button", name=label)).to_be_visible()
    wide.get_by_role("button", name="Speed: Max").click()
    expect(wide.locator("#result")).to_contain_text("The run is over (ok)", timeout=PATIENCE_MS)
    summary = run.summary()
    [policy] = summary["policies"].values()
    assert policy["steps_by_hand"] == 2
    assert policy["probes"]["probe"]["total"]["lost"] > 0


def test_the_page_is_accessible_and_fits_a_phone(
    run: LiveRun, open_page: Callable[..., Page]
) -> None:
    for scheme, width in (("light", 390), ("dark", 1280)):
        viewport = {"width": width, "height": 844}
        page = opened(open_page, run.url, viewport=viewport, color_scheme=scheme)
        expect(page.locator("#span-rows tr")).to_have_count(6)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Speed: Max").click(timeout=PATIENCE_MS)
    run.summary()
