"""The columns of the answer: each policy with all of its trials, of one run or of several.

Runs of one scenario that differ in seeds and policies alone are put together; else each has
columns of its own, which bear its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.flat import flat
from experiments.report.read import RunData, TrialData, told_trials
from experiments.sample import Sample, SampleTrial

# What may differ between runs that are one sample: nothing of it changes a single trial.
_OF_THE_SAMPLE = ("name", "description", "seed", "trials", "policies")


@dataclass(frozen=True, slots=True)
class Column:
    """A policy's trials. figures: the first trial's with all its parts, None if it failed."""

    sample: Sample
    figures: Mapping[str, Any]

    @property
    def label(self) -> str:
        """What stands above it."""
        return self.sample.policy


@dataclass(frozen=True, slots=True)
class Joined:
    """Runs as one: the columns, and the trial of each that is drawn."""

    columns: tuple[Column, ...]
    drawn: tuple[TrialData, ...]


def joined(runs: Sequence[RunData], *, apart: bool = False) -> Joined:
    """All runs' policies side by side; apart: each run has columns of its own."""
    one_sample = not apart and _one_sample(runs)
    names = [""] * len(runs) if one_sample else _names(runs)
    labelled = [list(_labelled(run, name)) for run, name in zip(runs, names, strict=True)]
    by_label: dict[str, list[Mapping[str, Any]]] = {}
    for label, told in (pair for run in labelled for pair in run):
        by_label.setdefault(label, []).append(told)
    columns = tuple(_column(label, told) for label, told in by_label.items())
    return Joined(columns, tuple(_drawn(runs, names)))


def only(run: RunData, policies: Sequence[str]) -> RunData:
    """The run with some of its policies alone."""
    summary = dict(run.summary)
    summary["policies"] = {name: summary["policies"][name] for name in policies}
    if "trials" in summary:
        summary["trials"] = [t for t in summary["trials"] if t["policy"] in policies]
    trials = tuple(trial for trial in run.trials if trial.policy in policies)
    return replace(run, summary=summary, trials=trials)


def _one_sample(runs: Sequence[RunData]) -> bool:
    """Whether no trial is there twice, and all are of one scenario and one version."""
    made = [_made_of(run.summary) for run in runs]
    counts = Counter(
        (told["policy"], told["seed"]) for run in runs for told in told_trials(run.summary)
    )
    return all(one == made[0] for one in made) and max(counts.values()) == 1


def _made_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    scenario = summary["resolved_scenario"]
    kept = {name: value for name, value in scenario.items() if name not in _OF_THE_SAMPLE}
    return {**kept, "version": summary["versions"]["fibercut"]}


def _labelled(run: RunData, run_name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for told in told_trials(run.summary):
        yield _label(told["policy"], run_name), told


def _label(policy: str, run_name: str) -> str:
    return f"{policy} ({run_name})" if run_name else policy


def _column(label: str, told: Sequence[Mapping[str, Any]]) -> Column:
    ordered = sorted(told, key=lambda trial: trial["seed"])
    trials = tuple(
        SampleTrial(trial["seed"], trial["status"], trial["reason"], _numbers(trial))
        for trial in ordered
    )
    shown = next((trial for trial in ordered if trial["digest"]), ordered[0])
    return Column(Sample((), label, trials), shown)


def _numbers(trial: Mapping[str, Any]) -> dict[str, float]:
    hidden = ("policy", "seed", "status", "reason", "digest", "virtual_s", "wall_s")
    return flat({name: value for name, value in trial.items() if name not in hidden})


def _names(runs: Sequence[RunData]) -> list[str]:
    """The folders' names; their whole paths where names alone would not tell them apart."""
    names = [run.path.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def _drawn(runs: Sequence[RunData], names: Sequence[str]) -> Iterator[TrialData]:
    """Of each column the first trial that measured something."""
    trials = [
        replace(trial, label=_label(trial.policy, name))
        for run, name in zip(runs, names, strict=True)
        for trial in run.trials
    ]
    for label in dict.fromkeys(trial.label for trial in trials):
        yield min((t for t in trials if t.label == label), key=lambda one: one.seed)
