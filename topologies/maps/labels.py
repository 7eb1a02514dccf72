"""Where names go: beside their sites, over no mark and no other name, off the lines if possible.

Greedy: important sites first, each at the best of twelve places around its mark. At an
enlarged map there is room for more, on a smaller one for some of them at the same places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topologies.maps.globe import Points
from topologies.maps.scene import Label, SiteMark

FONT_PX = 11.0
_GAP_PX = 3.0
# A line through a name is bearable (names have a halo); many are not.
_MOST_POINTS_UNDER = 9
_NARROW, _WIDE = frozenset("iIjltfr.,'|()-: "), frozenset("mwMW@%")


@dataclass(frozen=True, slots=True)
class Place:
    """A name's place: its offset from the mark, where its text is anchored, and its corners."""

    dx: float
    dy: float
    anchor: str
    corners: NDArray[np.float64]
    """Left, top, right, bottom, relative to the mark."""


def text_width_px(text: str, font_px: float = FONT_PX) -> float:
    """About how wide a text is in Arial, a little more rather than less."""
    return font_px * sum(_em(letter) for letter in text)


def place_labels(
    sites: Sequence[SiteMark],
    names: Sequence[str],
    order: Sequence[int],
    lines: Points,
    badges: Points,
    size: tuple[float, float],
    zooms: Sequence[float],
) -> tuple[Label, ...]:
    """A label for each site that gets one at any of the zooms.

    order: the sites' indices, the most important first. lines: points on all spans, about
    4 px apart. badges: the middles of conduits' letters. size: the map's width and height.
    """
    marks = np.array([(site.x, site.y) for site in sites])
    radii = np.array([site.radius for site in sites])
    choices = [list(_places(names[i], sites[i].radius)) for i in range(len(sites))]
    chosen: dict[int, tuple[Place, float]] = {}

    def ground(zoom: float) -> _Ground:
        return _Ground(marks * zoom, radii, lines * zoom, badges * zoom, np.array(size) * zoom)

    for zoom in sorted(z for z in zooms if z >= 1):
        enlarged = ground(zoom)
        enlarged.keep({index: place for index, (place, _) in chosen.items()})
        for index in order:
            if index not in chosen and (place := enlarged.best(index, choices[index])):
                enlarged.keep({index: place})
                chosen[index] = (place, zoom)
    larger = 1.0
    for zoom in sorted((z for z in zooms if z < 1), reverse=True):
        reduced = ground(zoom)
        for index in order:
            place, from_zoom = chosen.get(index, (None, 0.0))
            if place and from_zoom == larger and reduced.best(index, [place]):
                reduced.keep({index: place})
                chosen[index] = (place, zoom)
        larger = zoom
    return tuple(
        Label(s.id, names[i], s.x, s.y, place.dx, place.dy, place.anchor, zoom)
        for i, s in enumerate(sites)
        if i in chosen
        for place, zoom in [chosen[i]]
    )


class _Ground:
    """What a name must not cover, at one zoom."""

    def __init__(
        self,
        marks: Points,
        radii: NDArray[np.float64],
        lines: Points,
        badges: Points,
        size: NDArray[np.float64],
    ) -> None:
        self._marks, self._radii = marks, radii[:, None]
        self._lines, self._badges, self._size = lines, badges, size
        self._taken = np.empty((0, 4))

    def keep(self, places: dict[int, Place]) -> None:
        """These places are taken from now on."""
        boxes = [_box(place, self._marks[index]) for index, place in places.items()]
        self._taken = np.vstack((self._taken, *boxes))

    def best(self, index: int, places: Sequence[Place]) -> Place | None:
        """The first place that crosses fewest lines, or none if all are taken."""
        found = [(cost, n) for n, p in enumerate(places) if (cost := self._cost(index, p)) >= 0]
        return places[min(found)[1]] if found else None

    def _cost(self, index: int, place: Place) -> int:
        box = _box(place, self._marks[index])
        outside = (box[:2] < 2).any() or (box[2:] > self._size - 2).any()
        if outside or self._overlaps(box) or self._covers_a_mark(box, index):
            return -1
        under = _count(self._lines, box)
        return under if under <= _MOST_POINTS_UNDER else -1

    def _overlaps(self, box: NDArray[np.float64]) -> bool:
        taken = self._taken
        return bool(((box[:2] < taken[:, 2:]) & (box[2:] > taken[:, :2])).all(axis=1).any())

    def _covers_a_mark(self, box: NDArray[np.float64], index: int) -> bool:
        nearest = np.clip(self._marks, box[:2], box[2:])
        near = ((self._marks - nearest) ** 2).sum(axis=1, keepdims=True) < (self._radii + 1) ** 2
        near[index] = False
        return bool(near.any()) or _count(self._badges, box + np.array([-7, -7, 7, 7])) > 0


def _places(text: str, radius: float) -> Iterator[Place]:
    width, height = text_width_px(text), FONT_PX
    aside, diagonal = radius + _GAP_PX, 0.7 * radius + _GAP_PX - 1
    sides = [(aside, 0.0, "start"), (-aside, 0.0, "end")]
    corners = [
        (x * diagonal, y * (diagonal + height / 2), "start" if x > 0 else "end")
        for x, y in ((1, -1), (1, 1), (-1, -1), (-1, 1))
    ]
    above = radius + _GAP_PX + height / 2 - 1
    middle = [(0.0, -above, "middle"), (0.0, above, "middle")]
    far = [(x * 1.6, y * 1.6, anchor) for x, y, anchor in corners]
    for dx, dy, anchor in (*sides, *corners, *middle, *far):
        left = {"start": dx, "end": dx - width, "middle": dx - width / 2}[anchor]
        box = np.array([left, dy - height / 2, left + width, dy + height / 2])
        yield Place(dx, dy, anchor, box)


def _box(place: Place, mark: NDArray[np.float64]) -> NDArray[np.float64]:
    return place.corners + np.tile(mark, 2)


def _count(points: Points, box: NDArray[np.float64]) -> int:
    return int(((points > box[:2]) & (points < box[2:])).all(axis=1).sum())


def _em(letter: str) -> float:
    if letter in _NARROW:
        return 0.32
    if letter in _WIDE:
        return 0.87
    return 0.7 if letter.isupper() else 0.57
