"""A chart as small panels that share their data.

A panel is a Vega-Lite chart without data and with colours by name (`@policy0`, `@lost`, …): the
page gives it its own rows and the reader's colours, `figures` those of paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from experiments.report.palette import POLICIES
from experiments.report.table import Columns

HEIGHT_PX = 170
DATA = "points"
"""What a panel calls its data."""
Series = tuple[tuple[str, str], ...]
"""What is told apart by colour: each value with the name of its colour."""


@dataclass(frozen=True, slots=True)
class Panel:
    """where: which rows of the chart's data are its own. spec: Vega-Lite, without data."""

    title: str
    where: Mapping[str, str]
    spec: Mapping[str, Any]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with its panels and their data."""

    name: str
    title: str
    note: str
    data: Columns
    panels: tuple[Panel, ...]
    series: Series = ()


def policy_series(labels: Sequence[str]) -> Series:
    """Each policy with the name of its colour."""
    return tuple((label, f"@policy{i % len(POLICIES)}") for i, label in enumerate(labels))


def colour(field: str, series: Series) -> alt.Color:
    """Colours of a field; what they mean stands above the panels."""
    domain, names = zip(*series, strict=True)
    scale = alt.Scale(domain=list(domain), range=list(names))
    return alt.Color(f"{field}:N", scale=scale, legend=None)
