"""How large the report of a long run is, what making it takes, and how fast it opens in Chromium.

    python -m tests.benchmarks.report_large [--seconds S]

Makes the run folder of two policies with two probes of 20,000 packets/s each, then its report, in
a process of its own, and opens that without a network.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.unit.cut_runs import make_cut_run

_PPS = 20_000
_PROBES = 2 * 2
_OPENINGS = 5
_MB = 1e6
# A process knows its own peak; what its parent sees of it may be the parent's.
_MAKE = """
import sys, time
from pathlib import Path
begun = time.monotonic()
from experiments.report.page import write_report
write_report(Path(sys.argv[1]), [Path(sys.argv[2])])
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(time.monotonic() - begun, time.process_time(), *peak)
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=125.0, help="of the run (125: 10 million)")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        run = make_cut_run(Path(folder), pps=_PPS, duration_s=seconds)
        samples = round(_PPS * seconds * _PROBES)
        measured = sum(file.stat().st_size for file in run.rglob("*.parquet"))
        print(f"samples of probes        {samples:>12,}  ({measured / _MB:.1f} MB on the disk)")
        page = run / "report.html"
        made = subprocess.run(
            [sys.executable, "-c", _MAKE, str(page), str(run)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        wall_s, processor_s, peak_kb = map(float, made.stdout.split())
        print(f"made in                  {wall_s:>12.1f} s")
        print(f"of that on a processor   {processor_s:>12.1f} s")
        print(f"memory at most           {peak_kb / 1000:>12.0f} MB")
        print(f"size                     {page.stat().st_size / _MB:>12.2f} MB")
        opened = sorted(_opened_s(page) for _ in range(_OPENINGS))
        print(f"opens in (median of {_OPENINGS})   {opened[_OPENINGS // 2]:>12.2f} s")


def _opened_s(page: Path) -> float:
    """From a new browser window's request to the map and the first charts being there."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("there is no chromium; install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}).new_page()
        begun = time.monotonic()
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]", state="attached")
        tab.wait_for_selector('#netmap .load[data-level="1"]', state="attached")
        taken = time.monotonic() - begun
        browser.close()
    return taken


if __name__ == "__main__":
    main()
