"""Colours and fonts, light and dark.

Fibre colours are Okabe and Ito's (2008), told apart by colour-blind readers; hollow-core fibre is
also drawn hollow, and sites differ by shape alone, so that a print in grey still tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

FONTS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"

_LIGHT: Mapping[str, str] = {
    "sea": "#ffffff", "land": "#eeebe4", "shore": "#cfcabd", "grid": "#e3e6ea",
    "ink": "#1d2530", "quiet": "#5b6573", "smf": "#0072b2", "hcf": "#d55e00", "core": "#ffffff",
    "conduit": "#cc79a7", "badge": "#a2477b", "badge-ink": "#ffffff",
}  # fmt: skip
_DARK: Mapping[str, str] = {
    "sea": "#12171f", "land": "#232b36", "shore": "#3b4655", "grid": "#222a35",
    "ink": "#eef1f5", "quiet": "#a7b1be", "smf": "#56b4e9", "hcf": "#e69f00", "core": "#12171f",
    "conduit": "#cc79a7", "badge": "#e3a5c7", "badge-ink": "#12171f",
}  # fmt: skip

_RULES = """\
.sea {{ fill: {sea} }}
.land {{ fill: {land}; stroke: {shore}; stroke-width: 0.5 }}
.grid {{ fill: none; stroke: {grid}; stroke-width: 0.7 }}
.conduit {{ fill: none; stroke: {conduit}; stroke-linecap: round; stroke-linejoin: round }}
.edge {{ fill: none; stroke: {sea}; stroke-linejoin: round }}
.smf {{ fill: none; stroke: {smf}; stroke-linejoin: round }}
.hcf {{ fill: none; stroke: {hcf}; stroke-linejoin: round }}
.core {{ fill: none; stroke: {core}; stroke-linejoin: round }}
.sample {{ fill: none; stroke: {quiet} }}
.mark {{ fill: {ink}; stroke: {sea}; stroke-width: 1.2; stroke-linejoin: round }}
.hollow {{ fill: {sea}; stroke: {ink}; stroke-width: 1.6; stroke-linejoin: round }}
.ring {{ fill: none; stroke: {ink}; stroke-width: 1.2 }}
.name {{ fill: {ink}; stroke: {sea}; stroke-width: 2.6; stroke-linejoin: round; \
paint-order: stroke }}
.word {{ fill: {ink} }}
.bar {{ fill: none; stroke: {ink}; stroke-width: 1.2 }}
.badge {{ fill: {badge}; stroke: {sea}; stroke-width: 1 }}
.letter {{ fill: {badge-ink}; font-weight: bold; text-anchor: middle }}
"""


class Theme(StrEnum):
    """Colours of a map: for paper, for dark pages, or as the reader's screen is set."""

    LIGHT = "light"
    DARK = "dark"
    AUTO = "auto"


def style_sheet(theme: Theme) -> str:
    """The CSS rules of a map's classes."""
    light, dark = _RULES.format_map(_LIGHT), _RULES.format_map(_DARK)
    if theme is Theme.AUTO:
        return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"
    return light if theme is Theme.LIGHT else dark
