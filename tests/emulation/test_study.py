"""A study gives the same bytes undisturbed, with a worker killed, and killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.on_host

ROOT = Path(__file__).parent.parent.parent
STUDY = ROOT / "tests" / "data" / "studies" / "cuts.yaml"
TABLES = ("table.json", "trials.csv", "trials.parquet")
DEADLINE_S = 300


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    """The study into a folder, as a user starts it."""
    command = [sys.executable, "-m", "experiments.cli", "study", str(STUDY), "--out", str(out)]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


def finish(study: subprocess.Popen[str]) -> str:
    """Wait for a study's good end; returns what it said."""
    said, _ = study.communicate(timeout=DEADLINE_S)
    assert study.returncode == 0, said
    assert "Traceback" not in said
    return said


def wait_for(what: Callable[[], object], study: subprocess.Popen[str]) -> None:
    """Wait until something is so, while the study runs."""
    until_s = time.monotonic() + DEADLINE_S
    while not what():
        assert study.poll() is None, study.communicate()[0]
        assert time.monotonic() < until_s
        time.sleep(0.05)


def trials(out: Path) -> list[Path]:
    """The results that are there."""
    return sorted(out.glob("trials/[!.]*/result.json"))


def workers(study: subprocess.Popen[str]) -> list[int]:
    """Dask's worker processes of a study that have a guest under way."""
    found = []
    for listed in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = listed.read_bytes()
            session = int((listed.parent / "stat").read_text().rpartition(")")[2].split()[3])
            children = (listed.parent / "task" / listed.parent.name / "children").read_text()
        except (OSError, IndexError):
            continue
        threads = list((listed.parent / "task").glob("*/children"))
        if session == study.pid and b"spawn_main" in words and (children or _any_child(threads)):
            found.append(int(listed.parent.name))
    return found


def _any_child(threads: list[Path]) -> bool:
    try:
        return any(one.read_text().strip() for one in threads)
    except OSError:
        return False


def tables(out: Path) -> list[bytes]:
    """The bytes of everything that a reader takes from a study."""
    return [(out / name).read_bytes() for name in TABLES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that nobody disturbs."""
    out = tmp_path_factory.mktemp("undisturbed")
    finish(start(out))
    return out


def test_a_cut_of_the_own_span_hurts_and_no_other(undisturbed: Path) -> None:
    table = json.loads((undisturbed / "table.json").read_text(encoding="utf-8"))
    lost = {
        sample["point"]["faults[0].span"]: sample["figures"]["probes.probe.total.lost"]["median"]
        for sample in table["samples"]
    }
    assert len(lost) == len(trials(undisturbed)) == table["trials"]
    assert lost["ab"] > 10
    assert [span for span, packets in lost.items() if packets] == ["ab"]


def test_a_killed_worker_costs_nothing_but_time(undisturbed: Path, tmp_path: Path) -> None:
    study = start(tmp_path)
    wait_for(lambda: trials(tmp_path) and workers(study), study)
    os.kill(workers(study)[0], signal.SIGKILL)
    finish(study)
    assert tables(tmp_path) == tables(undisturbed)


def test_an_interrupted_and_a_killed_study_go_on_where_they_were(
    undisturbed: Path, tmp_path: Path
) -> None:
    study = start(tmp_path)
    wait_for(lambda: trials(tmp_path), study)
    os.killpg(study.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    said, _ = study.communicate(timeout=DEADLINE_S)
    assert study.returncode == 130, said
    assert "Traceback" not in said
    before = {path: path.stat().st_mtime_ns for path in trials(tmp_path)}
    study = start(tmp_path)
    wait_for(lambda: len(trials(tmp_path)) > len(before), study)
    study.kill()
    study.wait()
    assert not (tmp_path / "table.json").exists()
    there = len(trials(tmp_path))
    assert f"{there} there already" in finish(start(tmp_path))
    assert {path: path.stat().st_mtime_ns for path in before} == before  # none ran again
    assert tables(tmp_path) == tables(undisturbed)
