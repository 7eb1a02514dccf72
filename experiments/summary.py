"""A run's summary: the figures of all policies and what they were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.evaluate import no_figures
from experiments.flat import flat
from experiments.run_folder import SCHEMA_VERSION, combined_digest
from experiments.sample import Sample, SampleTrial, sample_statistics
from experiments.scenario import Scenario
from experiments.scenario_load import LoadedScenario
from experiments.versions import machine, versions


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What one trial came to.

    figures: None unless something was measured; see evaluate.evaluate.
    digest: SHA-256 of the measurements, None if there are none. by_hand: how often a person
    has broken or mended something meanwhile.
    """

    policy: str
    seed: int
    status: str
    reason: str | None
    figures: Mapping[str, Any] | None
    digest: str | None
    virtual_s: float
    wall_s: float
    by_hand: int = 0


def summarise(
    loaded: LoadedScenario,
    trials: Sequence[TrialOutcome],
    wall_s: float,
    extra_versions: Mapping[str, str | None],
) -> dict[str, Any]:
    """The content of summary.json; docs/reference/run-folder.md lists the fields."""
    scenario, topology = loaded.scenario, loaded.topology
    measured = {_digested(trial, scenario): trial.digest for trial in trials if trial.digest}
    shown = [trial for trial in trials if trial.seed == scenario.seed]
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": scenario.name,
        "description": scenario.description,
        "status": overall_status(trials),
        "topology": {
            "name": topology.name,
            "sites": len(topology.sites),
            "spans": len(topology.spans),
        },
        "clock": scenario.clock.value,
        "scale": scenario.scale,
        "seed": scenario.seed,
        "digest": combined_digest(measured) if measured else None,
        "virtual_s": sum(trial.virtual_s for trial in trials),
        "wall_s": round(wall_s, 3),
        "policies": {trial.policy: _policy(trial) for trial in shown},
        **(_repeated(scenario, trials) if scenario.trials > 1 else {}),
        "versions": versions() | dict(extra_versions),
        "machine": machine(),
        "resolved_scenario": scenario.model_dump(mode="json", by_alias=True),
    }


def overall_status(trials: Sequence[TrialOutcome]) -> str:
    """`ok` if all trials are, else `failed`, else `interrupted`."""
    statuses = {trial.status for trial in trials}
    return next((s for s in ("failed", "interrupted") if s in statuses), "ok")


def _digested(trial: TrialOutcome, scenario: Scenario) -> str:
    return trial.policy if scenario.trials == 1 else f"{trial.policy} {trial.seed}"


def _repeated(scenario: Scenario, trials: Sequence[TrialOutcome]) -> dict[str, Any]:
    """What several trials of each policy say together, and each trial by itself."""
    samples = [
        Sample((), policy, tuple(_in_sample(trial) for trial in trials if trial.policy == policy))
        for policy in scenario.policies
    ]
    return {
        "trials": [
            {"policy": trial.policy, "seed": trial.seed, **_policy(trial)} for trial in trials
        ],
        "statistics": sample_statistics(samples),
    }


def _in_sample(trial: TrialOutcome) -> SampleTrial:
    return SampleTrial(trial.seed, trial.status, trial.reason, flat(trial.figures or {}))


def _policy(trial: TrialOutcome) -> dict[str, Any]:
    return {
        "status": trial.status,
        "reason": trial.reason,
        "digest": trial.digest,
        "virtual_s": round(trial.virtual_s, 6),
        "wall_s": round(trial.wall_s, 3),
        **({"steps_by_hand": trial.by_hand} if trial.by_hand else {}),
        **(trial.figures or no_figures()),
    }
