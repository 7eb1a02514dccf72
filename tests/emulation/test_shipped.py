"""What the shipped experiments claim, on shortened ones, through the Python API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fibercut
from experiments.study.load import load_study
from topologies.files import plain

pytestmark = pytest.mark.on_host

BUFFER_MS = 20.0


@pytest.fixture(scope="module")
def collisions(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> dict[bool, fibercut.Run]:
    """burst-collision with and without priority."""
    bursts = plain(load_study("burst-collision").scenario.data)
    out = tmp_path_factory.mktemp("bursts")
    changes: dict[str, Any] = {"warmup_s": 1, "duration_s": 7}
    seed = pytestconfig.getoption("--guest-seed")
    return {
        classes: fibercut.run(bursts, changes | {"classes": classes}, seed=seed, out=out)
        for classes in (False, True)
    }


def test_bursts_delay_first_tokens_and_priority_takes_the_delay_away(
    collisions: dict[bool, fibercut.Run],
) -> None:
    late_ms = {
        classes: run.trials["inference.chat.phases.before.ttft_p99_ms"][0]
        for classes, run in collisions.items()
    }
    assert late_ms[False] - late_ms[True] > BUFFER_MS / 2
    step_ms = {
        classes: run.trials["training.training.before.allreduce_p50_ms"][0]
        for classes, run in collisions.items()
    }
    assert step_ms[True] < 1.1 * step_ms[False]


def test_a_run_is_there_as_frames_and_can_be_read_again(
    collisions: dict[bool, fibercut.Run],
) -> None:
    run = collisions[True]
    again = fibercut.load_run(run.folder)
    assert again.trials.equals(run.trials)
    requests = run.samples("chat")
    assert (requests["status"] == "ok").all()
    assert requests["t_s"].between(0, 7).all()
    assert len(requests) == pytest.approx(20 * 7, abs=50)
    assert run.ok
    assert Path(run.folder, "scenario.yaml").exists()


def test_no_process_of_a_trial_spins_the_clock(collisions: dict[bool, fibercut.Run]) -> None:
    assert collisions[True].trials["fidelity.spin_share"][0] < 1
