"""Rings: reduce-scatter, all-gather, and the all-reduce made of both.

Source: P. Patarasuk, X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
workstations", J. Parallel Distrib. Comput. 69 (2009).
"""

from __future__ import annotations

from collections.abc import Sequence

from traffic.collectives.schedule import Message, Rounds, Shape, Span, parts


def all_reduce(shape: Shape, rank: int) -> list[list[Message]]:
    """2 (n - 1) rounds: reduce-scatter, then all-gather."""
    rounds, members = Rounds(), range(shape.ranks)
    spans = parts((0, shape.elements), shape.ranks)
    scatter_ring(rounds, 0, members, rank, spans)
    gather_ring(rounds, shape.ranks - 1, members, rank, spans)
    return rounds.rounds


def reduce_scatter(shape: Shape, rank: int) -> list[list[Message]]:
    """The first half: then rank i holds the sum of the i-th part."""
    rounds = Rounds()
    scatter_ring(rounds, 0, range(shape.ranks), rank, parts((0, shape.elements), shape.ranks))
    return rounds.rounds


def all_gather(shape: Shape, rank: int) -> list[list[Message]]:
    """The second half: then all ranks hold what rank i had in the i-th part."""
    rounds = Rounds()
    gather_ring(rounds, 0, range(shape.ranks), rank, parts((0, shape.elements), shape.ranks))
    return rounds.rounds


def scatter_ring(
    rounds: Rounds, first: int, members: Sequence[int], own: int, spans: Sequence[Span]
) -> None:
    """Add a reduce-scatter among `members` from round `first` on.

    own: this rank's place among them. After it, member i holds the sum of spans[i].
    """
    count = len(members)
    for step in range(count - 1):
        rounds.send(first + step, members[(own + 1) % count], spans[(own - 1 - step) % count])
        rounds.reduce(first + step, members[own - 1], spans[(own - 2 - step) % count])


def gather_ring(
    rounds: Rounds, first: int, members: Sequence[int], own: int, spans: Sequence[Span]
) -> None:
    """Add an all-gather among `members`, of which member i brings spans[i]."""
    count = len(members)
    for step in range(count - 1):
        rounds.send(first + step, members[(own + 1) % count], spans[(own - step) % count])
        rounds.receive(first + step, members[own - 1], spans[(own - 1 - step) % count])
