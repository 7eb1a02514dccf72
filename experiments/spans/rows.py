"""The spans' figures as rows of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from experiments.rows import MISSING, Figures, Row, row


def rows(spans: Sequence[Figures | None]) -> Iterator[Row]:
    """The fullest span, the longest queue and what found no place, phase by phase."""
    phases = dict.fromkeys(phase for one in spans if one is not None for phase in one)
    for phase in phases:
        yield row(f"fullest span, {phase}, % of its rate", spans, _told(phase, _fullest))
    for phase in phases:
        yield row(f"longest queue / packets dropped, {phase}", spans, _told(phase, _queue))


def _told(phase: str, value: Callable[[Figures], str]) -> Callable[[Figures], str]:
    return lambda figures: MISSING if figures.get(phase) is None else value(figures[phase])


def _fullest(phase: Figures) -> str:
    return f"{100 * phase['utilisation_max']:.1f} ({phase['utilisation_max_span']})"


def _queue(phase: Figures) -> str:
    return f"{phase['queue_packets_max']:,} / {phase['dropped_packets']:,}"
