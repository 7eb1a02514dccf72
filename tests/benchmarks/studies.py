"""How well a study uses two cores, and that its table survives every interruption.

    python -m tests.benchmarks.studies efficiency [--trials 24]
    python -m tests.benchmarks.studies proof [--trials 200]

efficiency: the study with one worker and with two, in one run, as a ratio of the workers' own
work (Dask's start and the tables are in it, and told apart).
proof: undisturbed; with a worker killed after each fifth of its trials; and killed as a whole
and resumed, twice. All three must give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "tests" / "data" / "studies" / "cuts.yaml"
TABLES = ("table.json", "trials.csv", "trials.parquet")
_POLL_S = 0.2
_SPANS = 4


def main() -> int:
    """Run what was asked for and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("efficiency", "proof"))
    parser.add_argument("--trials", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fibercut-benchmark-") as folder:
        if options.what == "efficiency":
            return _efficiency(Path(folder), options.trials or 24)
        return _proof(Path(folder), options.trials or 200)


def _efficiency(folder: Path, trials: int) -> int:
    study = _study(folder, trials)
    wall_s = {}
    for workers in (1, 2):
        out = folder / f"workers-{workers}"
        _finish(_start(study, out, "--workers", str(workers)))
        record = json.loads((out / "study.json").read_text(encoding="utf-8"))
        wall_s[workers] = record["last_run"]["wall_s"]
        print(f"{workers} workers: {record['last_run']['trials']} trials in {wall_s[workers]} s")
    same = _tables(folder / "workers-1") == _tables(folder / "workers-2")
    print(f"speed-up {wall_s[1] / wall_s[2]:.2f} on two workers; same tables: {same}")
    return 0 if same else 1


def _proof(folder: Path, trials: int) -> int:
    study = _study(folder, trials)
    _finish(_start(study, folder / "undisturbed"))
    _worker_killed(study, folder / "worker-killed", trials)
    _study_killed(study, folder / "resumed", trials)
    found = {}
    for name in ("undisturbed", "worker-killed", "resumed"):
        found[name] = _tables(folder / name)
        print(f"{name}: {found[name]}")
    same = len(set(found.values())) == 1
    print(f"{trials} trials: {'the same bytes' if same else 'NOT the same bytes'}")
    return 0 if same else 1


def _worker_killed(study: Path, out: Path, trials: int) -> None:
    process = _start(study, out)
    for fifth in range(1, 5):
        _wait(process, lambda fifth=fifth: _done(out) >= fifth * trials // 5)  # type: ignore[misc]
        [worker, *_] = _workers(process)
        os.kill(worker, signal.SIGKILL)
        print(f"killed worker {worker} after {_done(out)} trials", flush=True)
    _finish(process)


def _study_killed(study: Path, out: Path, trials: int) -> None:
    for third in (1, 2):
        process = _start(study, out)
        _wait(process, lambda third=third: _done(out) >= third * trials // 3)  # type: ignore[misc]
        process.kill()
        process.wait()
        print(f"killed the study after {_done(out)} trials", flush=True)
    _finish(_start(study, out))


def _study(folder: Path, trials: int) -> Path:
    """The tests' study with enough seeds for so many trials, or a few more."""
    text = STUDY.read_text(encoding="utf-8").replace(
        "../scenarios", str(ROOT / "tests/data/scenarios")
    )
    path = folder / "study.yaml"
    seeds = -(-trials // _SPANS)
    path.write_text(text.replace("seeds: 1", f"seeds: {seeds}"), encoding="utf-8")
    return path


def _start(study: Path, out: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "experiments.cli", "study", str(study), "--out", str(out)]
    return subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)


def _finish(process: subprocess.Popen[bytes]) -> None:
    if process.wait() != 0:
        sys.exit("the study failed")


def _wait(process: subprocess.Popen[bytes], what: Callable[[], bool]) -> None:
    while not what():
        if process.poll() is not None:
            sys.exit("the study ended too early")
        time.sleep(_POLL_S)


def _done(out: Path) -> int:
    return len(list(out.glob("trials/[!.]*/result.json")))


def _workers(process: subprocess.Popen[bytes]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    pids = [int(pid) for listed in children for pid in listed.read_text().split()]
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _tables(out: Path) -> str:
    total = hashlib.sha256()
    for name in TABLES:
        total.update((out / name).read_bytes())
    return total.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
