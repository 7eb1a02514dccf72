"""Watching a run changes nothing that is measured."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.on_host

ROOT = Path(__file__).parents[2]
REPLAY = ROOT / "tests" / "data" / "scenarios" / "replay.yaml"
DEADLINE_S = 240


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "experiments.cli", "run", str(REPLAY), "--json"]
    return subprocess.Popen(
        [*command, "--out", str(out), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def summary(run: subprocess.Popen[str]) -> dict[str, Any]:
    said, complaints = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 0, complaints
    result: dict[str, Any] = json.loads(said)
    return result


def listen(url: str, heard: list[dict[str, Any]]) -> None:
    """A page that hears all until the server ends."""
    place, _, token = url.partition("?token=")
    asked = urllib.request.Request(f"{place}events", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=DEADLINE_S) as stream:
        heard.extend(json.loads(line[6:]) for line in stream if line.startswith(b"data: "))


def test_a_run_that_is_watched_and_held_back_has_the_same_digest(tmp_path: Path) -> None:
    alone = start(tmp_path / "alone")
    watched = start(tmp_path / "watched", "--live", "--port", "0", "--speed", "1.5")
    assert watched.stderr is not None
    url = None
    while url is None:
        line = watched.stderr.readline()
        assert line
        url = re.search(r"live: (\S+)", line)
    heard: list[dict[str, Any]] = []
    page = threading.Thread(target=listen, args=(url[1], heard))
    page.start()
    shown = summary(watched)
    page.join(DEADLINE_S)
    assert shown["digest"] == summary(alone)["digest"]
    # It was seen as it happened: its time, its load, its faults, its probe and its end.
    told = [news["trials"]["fast-reroute"] for news in heard if news["trials"]]
    assert len({one["t_s"] for one in told}) > 5
    assert any(max(max(span) for span in one["spans"]) > 0.02 for one in told if one["spans"])
    events = [event for one in told for event in one["events"]]
    assert [what for _, who, what in events if who == "scenario"][-2:] == [
        "cut: conduit-cut trench (silent)",
        "mend: conduit-cut trench (silent)",
    ]
    assert told[-1]["probes"]["probe"]["lost"] > 0
    assert heard[-1]["result"]["status"] == "ok"
