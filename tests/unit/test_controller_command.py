"""`fibercut controller`: who is not there, and the events of a run that is over."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.cli.controller import controller
from experiments.cli.ending import ended
from experiments.events import merge_events
from experiments.run_folder import TrialFolder
from experiments.trial_job import TrialResult


def status_of(*arguments: str) -> int:
    return ended(lambda: controller.main([*arguments], standalone_mode=False))


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "fast-reroute-1"
    folder.mkdir(parents=True)
    told = {"t_ns": 2_030_000_007, "event": "span-down", "span": "a-b", "seen_by": "a"}
    (folder / "controller-events.jsonl").write_text(json.dumps(told) + "\n")
    cut = {"step": "cut", "fault": 0, "spans": ["a-b"], "t_ns": 2_000_000_007, "done_ns": 8}
    result = TrialResult(status="ok", reason=None, start_ns=7, end_ns=9, faults=(cut,))
    merge_events(TrialFolder(folder), result)
    return folder


def test_that_nobody_answers_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert status_of("pending", "--port", str(port)) == 2
    assert f"no controller answers at 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_events_of_a_run_are_shown(trial: Path) -> None:
    told = CliRunner().invoke(controller, ["events", "--run", str(trial.parent)])
    assert [line.split()[:2] for line in told.output.splitlines()[1:]] == [
        ["2.000000", "fault-cut"],
        ["2.030000", "span-down"],
    ]
    some = CliRunner().invoke(
        controller, ["events", "--run", str(trial), "--only", "span-down", "--json"]
    )
    assert [event["event"] for event in json.loads(some.output)["events"]] == ["span-down"]


def test_a_folder_with_no_trial_or_several_is_told(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = trial.parent / "restoration-1"
    other.mkdir()
    assert status_of("events", "--run", str(other)) == 2
    assert "there is no events.parquet" in capsys.readouterr().err
    (other / "events.parquet").write_text("")
    assert status_of("events", "--run", str(trial.parent)) == 2
    assert "holds 2 trials" in capsys.readouterr().err
    assert status_of("events", "--run", str(other)) == 2
    assert "is damaged" in capsys.readouterr().err
