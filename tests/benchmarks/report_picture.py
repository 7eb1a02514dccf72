"""The picture of a report for the documentation: its answer and its map, as Chromium shows them.

python -m tests.benchmarks.report_picture runs/latest/report.html docs/images/report.png
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_WIDTH_PX, _HEIGHT_PX = 1000, 1400


def main(report: Path, picture: Path) -> None:
    """Photograph a report from its top to the end of the map's section."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("there is no chromium; install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(device_scale_factor=1.25)
        page.set_viewport_size({"width": _WIDTH_PX, "height": _HEIGHT_PX})
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("html[data-ready]")
        box = page.locator("#player").bounding_box()
        assert box is not None  # it is on the page
        down = box["y"] + box["height"]
        page.screenshot(
            path=picture,
            full_page=True,
            clip={"x": 0, "y": 0, "width": _WIDTH_PX, "height": down},
        )
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
