"""What sampling all spans costs in wall time: the same scenario without it, and at three paces.

    python -m tests.benchmarks.span_sampling [SCENARIO] [--rounds 3]

Prints the wall time of each pace as ratio to the one without in the same round (median).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from topologies.files import plain, read_document

ROOT = Path(__file__).resolve().parent.parent.parent
PACES_MS = (0, 1000, 100, 10)


def wall_s(scenario: Path, every_ms: int, folder: Path) -> float:
    """The wall time of a trial of a scenario with a pace of sampling."""
    fields = plain(read_document(scenario).data) | {"span_sample_ms": every_ms}
    topology = scenario.parent / str(fields["topology"])
    if topology.is_file():
        fields["topology"] = str(topology.resolve())
    path = folder / "scenario.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli", "run", str(path), "--policy", "fast-reroute",
         "--out", str(folder), "--json", "--quiet"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    policy = json.loads(done.stdout)["policies"]["fast-reroute"]
    return float(policy["wall_s"])


def main() -> int:
    """Print a row for each pace."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ROOT / "experiments" / "scenarios" / "fiber-cut.yaml"
    parser.add_argument("scenario", nargs="?", type=Path, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ratios: dict[int, list[float]] = {pace: [] for pace in PACES_MS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            times = {pace: wall_s(args.scenario, pace, Path(folder)) for pace in PACES_MS}
            for pace, time_s in times.items():
                ratios[pace].append(time_s / times[0])
    for pace, found in ratios.items():
        every = f"every {pace} ms" if pace else "never"
        print(f"{every:>14}: {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
