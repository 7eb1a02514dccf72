"""What a trial is given and what it gives back, as files between two machines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from experiments.run_folder import SCHEMA_VERSION
from experiments.scenario import Scenario
from topologies.plan import NetworkPlan
from topologies.spec import Strict


class Job(Strict):
    """Everything that one trial needs to know."""

    plan: NetworkPlan
    scenario: Scenario
    policy: str
    seed: int

    @property
    def name(self) -> str:
        """What the trial is called beside the others of its run."""
        return _name(self.policy, self.seed, self.scenario)

    def workload_seed(self, index: int) -> int:
        """The seed of the scenario's workload at a place of its list."""
        return self.seed * 1000 + index


class TrialResult(Strict):
    """How a trial went; times are CLOCK_MONOTONIC ns of its machine."""

    status: Literal["ok", "failed", "interrupted"]
    reason: str | None
    start_ns: int | None
    """When the workloads started: second 0 of the scenario."""
    end_ns: int | None
    faults: tuple[dict[str, Any], ...]
    """Each step taken: name, fault's index, spans, and when it began and was done."""
    by_hand: tuple[dict[str, Any], ...] = ()
    """The same of what a person has broken and mended meanwhile."""
    schema_version: int = SCHEMA_VERSION
    """Of the trial's folder."""

    def steps_since(self, start_ns: int) -> list[dict[str, Any]]:
        """The steps of the scenario's faults with times that count from a moment."""
        return _since(start_ns, self.faults)

    def by_hand_since(self, start_ns: int) -> list[dict[str, Any]]:
        """The same of the steps by hand."""
        return _since(start_ns, self.by_hand)


class TrialFailed(Exception):
    """The trial cannot give a measurement; the message says why."""


class Interrupted(Exception):
    """The user wants the trial to end now."""


def trial_names(scenario: Scenario) -> list[str]:
    """What a scenario's trials are called."""
    return [
        _name(policy, seed, scenario) for seed in scenario.seeds for policy in scenario.policies
    ]


def _name(policy: str, seed: int, scenario: Scenario) -> str:
    return policy if scenario.trials == 1 else f"{policy} seed {seed}"


def _since(start_ns: int, steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    times = ("t_ns", "done_ns")
    return [{**one, **{time: one[time] - start_ns for time in times}} for one in steps]
