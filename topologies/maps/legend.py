"""The legend under a map: what its colours, widths, marks and letters mean, and its scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from topologies.maps.facts import fibre_text, rate_text
from topologies.maps.labels import text_width_px
from topologies.maps.marks import badge, site_symbol, span_strokes
from topologies.maps.scene import ScaleBar, Scene
from topologies.maps.shapes import number, text
from topologies.spec import FibreType, SiteKind

_ROW_PX = 20.0
_SIDE_PX = 16.0
_GAP_PX = 16.0
_LINE_PX = 26.0
# More rates than this are shown by the least, some between and the most.
_MOST_RATES = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a sample (SVG elements; its left end at x = 0, its middle at y = 0) and words."""

    sample: str
    sample_px: float
    words: str

    @property
    def width_px(self) -> float:
        """Sample, gap and words."""
        return self.sample_px + 6 + text_width_px(self.words)


def entries(scene: Scene) -> list[Entry]:
    """What the map needs explained, and nothing that is not on it."""
    return [*_fibres(scene), *_rates(scene), *_kinds(scene), *_conduits(scene)]


def legend_height(scene: Scene) -> float:
    """Height of the legend in px."""
    rows = 1 + max((row for row, _, _ in _placed(scene)), default=0)
    return rows * _ROW_PX + 16


def legend_lines(scene: Scene) -> Iterator[str]:
    """The legend as SVG, below the map."""
    yield '<g id="legend">'
    top = scene.height + 8 + _ROW_PX / 2
    for row, x, entry in _placed(scene):
        where = f"translate({number(x)} {number(top + row * _ROW_PX)})"
        yield f'<g transform="{where}">{entry.sample}{_words(entry.sample_px + 6, entry.words)}</g>'
    bar = scale_bar(scene.scale_bar)
    left = scene.width - _SIDE_PX - bar.width_px
    yield (
        f'<g transform="translate({number(left)} {number(top)})">'
        f"{bar.sample}{_words(bar.sample_px + 6, bar.words)}</g>"
    )
    yield "</g>"


def scale_bar(bar: ScaleBar) -> Entry:
    """The scale bar as an entry."""
    sample = f'<path class="bar" d="M.6-4V0H{number(bar.px)}V-4"/>'
    return Entry(sample, bar.px, f"{bar.km:,.6g} km")


def _placed(scene: Scene) -> Iterator[tuple[int, float, Entry]]:
    """Entries in rows from the left; the first row leaves room for the scale bar."""
    row, x = 0, _SIDE_PX
    bar_px = scale_bar(scene.scale_bar).width_px + _GAP_PX
    for entry in entries(scene):
        right = scene.width - _SIDE_PX - (bar_px if row == 0 else 0)
        if x > _SIDE_PX and x + entry.width_px > right:
            row, x = row + 1, _SIDE_PX
        yield row, x, entry
        x += entry.width_px + _GAP_PX


def _words(x: float, words: str) -> str:
    return f'<text class="word" x="{number(x)}" y="4">{text(words)}</text>'


def _fibres(scene: Scene) -> Iterator[Entry]:
    width = 4.2
    path = f"M0 0H{number(_LINE_PX)}"
    for fibre in FibreType:
        if any(span.fibre is fibre for span in scene.spans):
            yield Entry(span_strokes(path, fibre, width, False), _LINE_PX, fibre_text(fibre.value))
    if any(span.subsea for span in scene.spans):
        dash = f'stroke-dasharray="{number(3.2 * 3)} {number(1.5 * 3)}"'
        sample = f'<path class="sample" stroke-width="3" d="{path}" {dash}/>'
        yield Entry(sample, _LINE_PX, "subsea")


def _rates(scene: Scene) -> Iterator[Entry]:
    widths = dict(sorted((span.rate_gbps, span.width) for span in scene.spans))
    rates = list(widths)
    if len(rates) > _MOST_RATES:
        steps = range(_MOST_RATES)
        rates = [rates[round(i * (len(rates) - 1) / (_MOST_RATES - 1))] for i in steps]
    for rate in rates:
        sample = f'<path class="sample" stroke-width="{widths[rate]:g}" d="M0 0H18"/>'
        yield Entry(sample, 18, rate_text(rate))


def _kinds(scene: Scene) -> Iterator[Entry]:
    for kind in SiteKind:
        sizes = [site.radius for site in scene.sites if site.kind is kind]
        if sizes:
            radius = max(3.4, sizes[0])
            sample = f'<g transform="translate(7 0)">{site_symbol(kind, radius, False)}</g>'
            yield Entry(sample, 14, kind.value)
    if any(site.is_controller for site in scene.sites):
        yield Entry('<circle class="ring" cx="7" r="6.5"/>', 14, "controller")


def _conduits(scene: Scene) -> Iterator[Entry]:
    halo = '<path class="conduit" stroke-opacity="0.42" stroke-width="11" d="M5 0H{}"/>'
    if scene.conduits and not scene.conduits[0].letter:
        yield Entry(halo.format(20), 25, f"shared conduit ({len(scene.conduits)})")
        return
    for conduit in scene.conduits:
        sample = halo.format(20) + f'<g transform="translate(12.5 0)">{badge(conduit.letter)}</g>'
        yield Entry(sample, 25, f"conduit {conduit.name}")
