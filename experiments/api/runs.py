"""Runs: made from code, or read from their folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.api.frames import event_frame, sample_frame, statistics_frame, trial_frame
from experiments.api.scenarios import Given, scenario
from experiments.flat import HEADLINES
from experiments.machine_check import check_real_clock
from experiments.progress import progress
from experiments.run_folder import SCHEMA_VERSION, TrialFolder, new_run_folder
from experiments.runner import run as run_scenario
from experiments.scenario import Clock
from experiments.scenario_load import LoadedScenario
from experiments.trial_job import trial_names
from guest import provide_kernel
from topologies.problems import InputError, Problem


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended.

    folder: see docs/reference/run-folder.md. summary: the content of its summary.json.
    """

    folder: Path
    summary: Mapping[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether every trial was measured."""
        return bool(self.summary["status"] == "ok")

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial: policy, seed, status, reason, digest, and every figure as a column."""
        if "trials" in self.summary:
            return trial_frame(self.summary["trials"])
        seed = {"seed": self.summary["seed"]}
        policies = self.summary["policies"]
        return trial_frame({"policy": name} | seed | one for name, one in policies.items())

    def statistics(self, figures: Sequence[str] = HEADLINES) -> pd.DataFrame:
        """Quantiles with their intervals over the seeds; a row for each policy and figure.

        Raises ValueError for a run of one trial of each policy, which has none.
        """
        if "statistics" not in self.summary:
            raise ValueError("one trial has no statistics; run several (trials=20)")
        return statistics_frame(self.summary["statistics"], figures)

    def events(self, policy: str | None = None, seed: int | None = None) -> pd.DataFrame:
        """What happened in one trial: faults, failures seen, updates (docs/reference/events.md).

        policy, seed: default: the first policy, the scenario's seed.
        """
        trial, start_ns = self._trial(policy, seed)
        return event_frame(trial.path, start_ns)

    def samples(
        self, workload: str, policy: str | None = None, seed: int | None = None
    ) -> pd.DataFrame:
        """A workload's raw measurements in one trial: a row a packet, a step, or a request.

        Raises FileNotFoundError if there are none.
        """
        trial, start_ns = self._trial(policy, seed)
        return sample_frame(trial.samples, workload, start_ns)

    def _trial(self, policy: str | None, seed: int | None) -> tuple[TrialFolder, int | None]:
        policy = policy or next(iter(self.summary["policies"]))
        seed = int(self.summary["seed"]) if seed is None else seed
        trial = TrialFolder(self.folder / "trials" / f"{policy}-seed{seed}")
        if not trial.path.is_dir():
            known = ", ".join(sorted(p.name for p in (self.folder / "trials").iterdir()))
            message = f"no trial of the policy {policy!r} with seed {seed}; there are: {known}"
            raise InputError([Problem(str(self.folder), message)])
        try:
            start_ns = trial.read_json("trial.json")["start_ns"]
        except (OSError, ValueError, KeyError):  # it died before it could say
            start_ns = None
        return trial, start_ns


def run(
    given: Given | LoadedScenario,
    changes: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    trials: int | None = None,
    policies: Sequence[str] | None = None,
    clock: str | None = None,
    out: Path | str = "runs",
    kernel_source: Path | None = None,
    quiet: bool = True,
) -> Run:
    """Run a scenario, as `fibercut run` does. A failed trial is told by `ok` and `trials`.

    given, changes: as of `scenario`. seed, trials, policies, clock: instead of the scenario's.
    out: where the run's folder is made.

    Raises InputError, SetupError (this machine cannot run it) or FailedRunError.
    """
    named = {"seed": seed, "trials": trials, "clock": clock,
             "policies": None if policies is None else list(policies)}  # fmt: skip
    wanted = dict(changes or {}) | {k: v for k, v in named.items() if v is not None}
    loaded = scenario(given, wanted)
    kernel = None
    if loaded.scenario.clock is Clock.REAL:
        check_real_clock()
    else:
        kernel = provide_kernel(kernel_source)
    folder = new_run_folder(Path(out), loaded.scenario.name)
    with progress(trial_names(loaded.scenario), quiet) as shown:
        result = run_scenario(loaded, folder, kernel, shown)
    return Run(result.folder, result.summary)


def load_run(folder: Path | str) -> Run:
    """A run by its folder, such as `runs/latest`. Raises InputError if it is no finished one."""
    path = Path(folder)
    try:
        summary = json.loads((path / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = "no finished run: there is no readable summary.json"
        raise InputError([Problem(str(path), message)]) from None
    if not isinstance(summary, dict) or summary.get("schema_version") != SCHEMA_VERSION:
        found = summary.get("schema_version") if isinstance(summary, dict) else None
        message = f"a run folder of version {found}; this Fibercut reads {SCHEMA_VERSION}"
        raise InputError([Problem(str(path), message)])
    return Run(path, summary)
