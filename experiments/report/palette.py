"""The colours of charts by name, for paper and for dark pages.

Okabe and Ito's (2008), told apart by colour-blind readers; lighter ones of the same order on dark
pages. Whatever they tell, a shape, a dash or a place tells too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FAULT = "@fault"
LOST = "@lost"
POLICIES = ("@policy0", "@policy1", "@policy2", "@policy3", "@policy4", "@policy5")
PHASES = (("before", "@before"), ("during", "@during"), ("after", "@after"))

LIGHT: Mapping[str, str] = MappingProxyType({
    "policy0": "#0072B2", "policy1": "#D55E00", "policy2": "#009E73", "policy3": "#CC79A7",
    "policy4": "#B07D00", "policy5": "#56606B",
    "before": "#56606B", "during": "#D55E00", "after": "#0072B2",
    "lost": "#C1121F", "fault": "#C1121F", "rule": "#57606A",
})  # fmt: skip
DARK: Mapping[str, str] = MappingProxyType({
    "policy0": "#56B4E9", "policy1": "#F28C48", "policy2": "#35C79A", "policy3": "#E3A5C7",
    "policy4": "#F0C64A", "policy5": "#A9B4C0",
    "before": "#A9B4C0", "during": "#F28C48", "after": "#56B4E9",
    "lost": "#FF6B6B", "fault": "#FF6B6B", "rule": "#9AA4AF",
})  # fmt: skip


def on_paper(spec: str) -> str:
    """A chart's JSON with the colours of paper in place of their names."""
    # Longer names first: none is the beginning of another, but one may become it.
    for name in sorted(LIGHT, key=len, reverse=True):
        spec = spec.replace(f"@{name}", LIGHT[name])
    return spec
