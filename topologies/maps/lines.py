"""Lines that stay apart: marks that would cover each other, parallel spans, spans behind a site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topologies.maps.globe import Points

# Marks move at most so far from their true place.
_FARTHEST_PX = 16.0
_ROUNDS = 80
# More marks are drawn as small dots, and stay where they are.
_MOST_MOVED = 250
# How far a line is bowed to miss a mark: the first of these that misses all, each to both sides.
_BOWS_PX = (9.0, 14.0, 22.0, 34.0)
_MOST_BOW = 0.25  # of the line's length


def apart(places: Points, radii: NDArray[np.float64], gap_px: float = 3.0) -> Points:
    """The places with overlapping marks pushed off each other, as little as needed."""
    if len(places) > _MOST_MOVED or len(places) < 2:
        return places
    wanted = radii[:, None] + radii[None, :] + gap_px
    np.fill_diagonal(wanted, 0)
    # Marks at one place leave it in directions of their own.
    turn = np.arange(len(places)) * 2.399963  # the golden angle
    moved = places + 1e-3 * np.column_stack((np.cos(turn), np.sin(turn)))
    for _ in range(_ROUNDS):
        way = moved[:, None, :] - moved[None, :, :]
        distance = np.maximum(np.linalg.norm(way, axis=2), 1e-9)
        push = np.maximum(wanted - distance, 0) / 2
        if not push.any():
            break
        moved = moved + (way / distance[:, :, None] * push[:, :, None]).sum(axis=1) * 0.5
        off = moved - places
        far = np.maximum(np.linalg.norm(off, axis=1, keepdims=True), 1e-9)
        moved = places + off * np.minimum(1, _FARTHEST_PX / far)
    return moved


def parallel_offsets(
    ends: Sequence[tuple[str, str]], widths: Sequence[float], gap_px: float
) -> list[float]:
    """How far each span is moved aside (px, to the right of the way from the lesser end id)."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, (a, b) in enumerate(ends):
        groups[min(a, b), max(a, b)].append(index)
    offsets = [0.0] * len(ends)
    for members in groups.values():
        total = sum(widths[i] for i in members) + gap_px * (len(members) - 1)
        at = -total / 2
        for i in members:
            forward = 1 if ends[i][0] <= ends[i][1] else -1
            offsets[i] = forward * (at + widths[i] / 2) if len(members) > 1 else 0.0
            at += widths[i] + gap_px
    return offsets


def moved_aside(line: Points, offset_px: float) -> Points:
    """The line beside itself: at full distance along its middle, tapering towards its ends."""
    if not offset_px:
        return line
    line = _finer(line)
    along = np.append(0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
    taper = max(1.0, min(14.0, along[-1] / 3))
    share = np.minimum(1, np.minimum(along, along[-1] - along) / taper)
    smooth = share * share * (3 - 2 * share)
    return np.asarray(line + _normals(line) * (offset_px * smooth)[:, None])


def around_others(
    line: Points, marks: Points, ends: tuple[int, int], rooms_px: NDArray[np.float64]
) -> Points:
    """The line bowed so that it does not run through the mark of a site that it misses.

    rooms_px: how much room each mark needs around its middle.
    """
    hits = _hits(line, marks, ends, rooms_px)
    if not hits:
        return line
    line = _finer(line)
    chord = line[-1] - line[0]
    length = float(np.linalg.norm(chord)) or 1.0
    normal = np.array([-chord[1], chord[0]]) / length
    # Widest where marks are in the way, so that a small bow is enough.
    peak = np.clip((hits[0] + hits[-1]) / 2, 0.1, 0.9)
    share = np.linspace(0, 1, len(line)) ** (np.log(0.5) / np.log(peak))
    shape = np.sin(np.pi * share)[:, None] * normal
    bows = [sign * min(bow, _MOST_BOW * length) for bow in _BOWS_PX for sign in (1, -1)]
    ways = (line + shape * bow for bow in bows)
    return min(ways, key=lambda way: len(_hits(way, marks, ends, rooms_px)))


def with_ends(line: Points, start: Points, end: Points) -> Points:
    """The line stretched so that it reaches from `start` to `end`."""
    share = np.linspace(0, 1, len(line))[:, None]
    return np.asarray(line + (start - line[0]) * (1 - share) + (end - line[-1]) * share)


def sampled(line: Points, step_px: float = 4.0) -> Points:
    """Points about every `step_px` along a line."""
    along = np.append(0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
    at = np.linspace(0, along[-1], max(2, int(along[-1] / step_px)))
    return np.column_stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)])


def length_px(line: Points) -> float:
    """How long a line is."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def middle(line: Points, share: float = 0.5) -> tuple[float, float]:
    """The point at a share of the line's length."""
    points = sampled(line, 2.0)
    x, y = points[int((len(points) - 1) * share)]
    return float(x), float(y)


def _finer(line: Points) -> Points:
    return sampled(line, max(2.0, length_px(line) / 24))


def _normals(line: Points) -> Points:
    way = np.gradient(line, axis=0)
    length = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.column_stack((-way[:, 1], way[:, 0])) / length)


def _hits(
    line: Points, marks: Points, ends: tuple[int, int], rooms_px: NDArray[np.float64]
) -> list[float]:
    """Where, as shares of its length, a line comes too near to other marks."""
    most_px = rooms_px.max()
    low, high = line.min(axis=0) - most_px, line.max(axis=0) + most_px
    near = np.all((marks >= low) & (marks <= high), axis=1)
    near[list(ends)] = False
    if not near.any():
        return []
    way = sampled(line)
    distance = np.linalg.norm(way[None, :, :] - marks[near][:, None, :], axis=2)
    hit = distance.min(axis=1) < rooms_px[near]
    return sorted(float(i) / max(1, len(way) - 1) for i in distance.argmin(axis=1)[hit])
