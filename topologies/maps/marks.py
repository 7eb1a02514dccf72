"""The marks of a map, which its legend repeats: spans' lines, sites' symbols, conduits' letters."""

from __future__ import annotations

from topologies.maps.shapes import HOLLOW, number, symbol, text
from topologies.spec import FibreType, SiteKind

# A line wide enough to be drawn hollow.
_HOLLOW_FROM_PX = 1.2


def span_strokes(path: str, fibre: FibreType, width: float, subsea: bool) -> str:
    """A span's line: coloured by its fibre, hollow for hollow core, dashed under the sea."""
    dash = f' stroke-dasharray="{number(3.2 * width)} {number(1.5 * width)}"' if subsea else ""
    drawn = f'<path class="{fibre.value}" stroke-width="{width:g}" d="{path}"{dash}/>'
    if fibre is FibreType.HCF and width >= _HOLLOW_FROM_PX:
        drawn += f'<path class="core" stroke-width="{width * 0.36:.2f}" d="{path}"{dash}/>'
    return drawn


def site_symbol(kind: SiteKind, radius: float, is_controller: bool) -> str:
    """A site's symbol around the origin, with a ring if the controller is there."""
    style = "hollow" if kind in HOLLOW else "mark"
    drawn = f'{symbol(kind, radius)}class="{style}"/>'
    if is_controller:
        drawn += f'<circle r="{number(radius + 3.2)}" class="ring"/>'
    return drawn


def badge(letter: str) -> str:
    """A conduit's letter in a disc around the origin."""
    words = f'<text class="letter" y="3.2" font-size="9">{text(letter)}</text>'
    return f'<g><circle class="badge" r="6.5"/>{words}</g>'
