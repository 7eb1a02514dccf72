"""How a run ends when the disk is full, or when it is broken off: whole trials, or none."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from experiments import runner
from experiments.failure import FailedRunError
from experiments.progress import Quiet
from experiments.run_folder import RunFolder, TrialFolder, new_run_folder
from experiments.scenario_load import LoadedScenario, load_scenario
from experiments.summary import TrialOutcome
from experiments.trial_job import Job

SCENARIOS = Path(__file__).parent.parent / "data" / "scenarios"
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def scenario() -> LoadedScenario:
    """With two policies, and so two trials."""
    return load_scenario(str(SCENARIOS / "cut.yaml"))


def trials_that(monkeypatch: pytest.MonkeyPatch, **endings: BaseException | None) -> None:
    """No guest: each policy's trial fails without figures, or raises what is given for it."""

    def run_trial(job: Job, trial: TrialFolder, *_rest: Any) -> TrialOutcome:
        error = endings[job.policy.replace("-", "_")]
        if error is not None:
            raise error
        (trial.path / "trial.json").write_text("{}")
        return TrialOutcome(job.policy, job.seed, "failed", "a test", None, None, 0, 0)

    monkeypatch.setattr(runner, "run_trial", run_trial)
    # One after the other: which one is first is then known.
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0})


def run(loaded: LoadedScenario, folder: RunFolder) -> runner.RunResult:
    return runner.run(loaded, folder, None, Quiet())


def test_a_full_disk_keeps_the_trials_that_are_whole(
    tmp_path: Path, scenario: LoadedScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials_that(monkeypatch, fast_reroute=None, restoration=FULL)
    folder = new_run_folder(tmp_path, "x")
    with pytest.raises(FailedRunError, match=r"no space left\. 1 whole trial.* kept in .*partial"):
        run(scenario, folder)
    assert [one.name for one in (folder.path / "trials").iterdir()] == ["fast-reroute-seed1"]
    assert not (tmp_path / "latest").exists()


def test_a_full_disk_leaves_nothing_where_no_trial_is_whole(
    tmp_path: Path, scenario: LoadedScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials_that(monkeypatch, fast_reroute=FULL, restoration=FULL)
    with pytest.raises(FailedRunError, match=r"no space left\. No trial was kept"):
        run(scenario, new_run_folder(tmp_path, "x"))
    assert list(tmp_path.iterdir()) == []


def test_a_summary_that_finds_no_place_leaves_no_run_that_looks_whole(
    tmp_path: Path, scenario: LoadedScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials_that(monkeypatch, fast_reroute=None, restoration=None)

    def no_summary(*_arguments: Any) -> None:
        raise FULL

    monkeypatch.setattr(runner, "summarise", no_summary)
    folder = new_run_folder(tmp_path, "x")
    with pytest.raises(FailedRunError, match="2 whole trials are kept"):
        run(scenario, folder)
    assert [one.name for one in tmp_path.iterdir()] == [folder.path.name]


def test_a_page_that_finds_no_place_leaves_the_run_whole(
    tmp_path: Path, scenario: LoadedScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials_that(monkeypatch, fast_reroute=None, restoration=None)

    def no_report(*_arguments: Any) -> None:
        raise FULL

    monkeypatch.setattr(runner, "write_report", no_report)
    with pytest.raises(FailedRunError, match="The run is whole"):
        run(scenario, new_run_folder(tmp_path, "x"))
    assert (tmp_path / "latest" / "summary.json").exists()


def test_a_run_that_is_broken_off_before_a_trial_is_whole_leaves_nothing(
    tmp_path: Path, scenario: LoadedScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials_that(monkeypatch, fast_reroute=KeyboardInterrupt(), restoration=None)
    with pytest.raises(KeyboardInterrupt):
        run(scenario, new_run_folder(tmp_path, "x"))
    trials = list(tmp_path.glob("*/trials/*"))
    assert all(not one.name.startswith(".unfinished") for one in trials)


def test_trials_have_their_names_when_the_run_is_whole(
    tmp_path: Path, scenario: LoadedScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials_that(monkeypatch, fast_reroute=None, restoration=None)
    monkeypatch.setattr(runner, "write_report", lambda *_arguments: None)
    found = run(scenario, new_run_folder(tmp_path, "x"))
    assert sorted(one.name for one in (found.folder / "trials").iterdir()) == [
        "fast-reroute-seed1", "restoration-seed1"
    ]  # fmt: skip
    assert (tmp_path / "latest").resolve() == found.folder.resolve()
