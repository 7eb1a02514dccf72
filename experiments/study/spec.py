"""A study file: a scenario and a grid over its fields. See docs/reference/study.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from experiments.flat import HEADLINES
from experiments.workloads.kind import WorkloadName
from topologies.spec import Strict


class Study(Strict):
    """A question that takes many trials."""

    name: WorkloadName
    description: str = ""
    scenario: Any
    """A shipped scenario's name, a file beside the study, or the fields themselves."""
    grid: dict[str, Any] = Field(default_factory=dict)
    """By dotted path: the values of a field, or all-spans, all-conduits, all-sites."""
    seeds: Any = 1
    """How many, from the scenario's own on; or a list of them."""
    figures: tuple[str, ...] = Field(default=HEADLINES, min_length=1)
    """Patterns (flat.chosen) of the figures in the tables; the files of all trials have all."""
