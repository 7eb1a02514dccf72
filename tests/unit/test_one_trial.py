"""How a trial with the clock `real` is started."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import one_trial
from experiments.run_folder import TrialFolder
from experiments.scenario import Clock


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
