"""How a trial with the clock `real` is started."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import one_trial
from experiments.run_folder import TrialFolder, write_json
from experiments.scenario import Clock
from experiments.trial_job import TrialResult


def test_traffic_is_found_by_programs_of_an_installed_fibercut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They start without the packages' folder, and the launcher's environment is not there."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    program = [sys.executable, "-S", "-P", "-c", "import traffic"]
    monkeypatch.setattr(one_trial, "_command", lambda *_: program)
    trial = TrialFolder(tmp_path)
    trial.logs.mkdir()
    job: Any = SimpleNamespace(scenario=SimpleNamespace(clock=Clock.REAL))
    with one_trial._machine(job, trial, None) as machine:
        while not machine.ended(1.0):
            pass
    assert (trial.logs / "trial.log").read_text() == ""


@pytest.mark.parametrize("status", ["interrupted", "ok"])
def test_an_interrupted_trial_without_measurements_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Ctrl-C may come before the first sample is written."""

    def no_samples(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "samples/p/received.i64x3")

    monkeypatch.setattr(one_trial, "collect", no_samples)
    told = {"status": status, "reason": None, "start_ns": 1, "end_ns": None, "faults": ()}
    result = TrialResult.model_validate(told)
    write_json(tmp_path / "trial.json", result.model_dump(mode="json"))
    job: Any = SimpleNamespace(policy="fast-reroute", seed=1)
    outcome = one_trial._outcome(job, TrialFolder(tmp_path), None, 1.0, 1.0)
    assert outcome.status == ("interrupted" if status == "interrupted" else "failed")
    assert outcome.figures is None
    assert outcome.digest is None
