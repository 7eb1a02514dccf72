"""What the smoke test of a machine takes for a pass, and what not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from experiments.scenario_load import load_scenario

PROVISION = Path(__file__).resolve().parents[2] / "provision"
SCENARIO = {"faults": [{"at_s": 6, "repair_at_s": 18}]}


@pytest.fixture(scope="module")
def smoke() -> ModuleType:
    spec = importlib.util.spec_from_file_location("smoke_test", PROVISION / "smoke_test.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _figures(**failover: Any) -> dict[str, Any]:
    return {
        "status": "ok",
        "reason": None,
        "probes": {
            "across": {"failover": {"lost": 60, "recovered": True, "tbm_ms": 1240.0, **failover}},
            "beside": {"total": {"sent": 1250, "received": 1250}},
        },
        "bulk": {"bulk": {"goodput_mbps": 0.9}},
    }


def _passes(smoke: ModuleType, figures: dict[str, Any]) -> bool:
    return all(passed for _, passed in smoke._policy_checks("p", figures, SCENARIO))


def test_its_scenario_is_valid_and_has_what_is_looked_at() -> None:
    scenario = load_scenario(str(PROVISION / "smoke.yaml")).scenario
    assert {workload.name for workload in scenario.workloads} == {"across", "beside", "bulk"}
    assert len(scenario.faults) == 1


def test_a_cut_that_heals_passes(smoke: ModuleType) -> None:
    assert _passes(smoke, _figures())


@pytest.mark.parametrize(
    "wrong",
    [
        {"lost": 0},
        {"recovered": False, "tbm_ms": None},
        {"tbm_ms": 12_020.0},  # until the repair
    ],
)
def test_a_cut_that_is_not_felt_or_does_not_heal_fails(
    smoke: ModuleType, wrong: dict[str, Any]
) -> None:
    assert not _passes(smoke, _figures(**wrong))


def test_a_failed_trial_fails(smoke: ModuleType) -> None:
    assert not _passes(smoke, {"status": "failed", "reason": "BFD did not come up"})
