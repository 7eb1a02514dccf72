"""What watching a run costs: wall time with and without the live page, and the digests.

    python -m tests.benchmarks.live_cost [--pairs 5] [--scenario fiber-cut]

Pairs of runs of one policy, alone and watched by a page that hears everything (without a browser's
drawing), in turn first. Prints each pair's ratio, their median, and whether the digests agree.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the pairs and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--scenario", default="fiber-cut")
    parser.add_argument("--policy", default="fast-reroute")
    options = parser.parse_args()
    ratios, digests = [], set()
    for number in range(options.pairs):
        walls_s = {}
        for watched in (False, True) if number % 2 else (True, False):
            summary = _run(options.scenario, options.policy, watched)
            walls_s[watched] = summary["policies"][options.policy]["wall_s"]
            digests.add(summary["digest"])
        ratios.append(walls_s[True] / walls_s[False])
        print(
            f"alone {walls_s[False]:.2f} s, watched {walls_s[True]:.2f} s: {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"median {statistics.median(ratios):.3f}; {len(digests)} digest(s)")
    return 0 if len(digests) == 1 else 1


def _run(scenario: str, policy: str, watched: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="live-cost-") as out:
        command = [sys.executable, "-m", "experiments.cli", "run", scenario, "--policy", policy]
        command += ["--json", "--quiet", "--out", out]
        command += ["--live", "--port", "0"] if watched else []
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as run:
            assert run.stderr is not None
            if watched:
                found = re.search(r"live: (\S+)\?token=(\S+)", run.stderr.readline())
                assert found is not None
                page = threading.Thread(target=_listen, args=found.groups())
                page.start()
            said, complaints = run.communicate()
            if watched:
                page.join()
        if run.returncode:
            raise SystemExit(complaints)
        summary: dict[str, Any] = json.loads(said)
        return summary


def _listen(place: str, token: str) -> None:
    """Hear everything, as a page does."""
    asked = urllib.request.Request(f"{place}events", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked) as stream:
        for _line in stream:
            pass


if __name__ == "__main__":
    sys.exit(main())
