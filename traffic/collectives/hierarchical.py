"""All-reduce inside each site, then between the sites, then inside again.

The long links carry each number once per site instead of once per rank. Source: J. Dong et
al., "EFLOPS", HPCA 2020, and X. Jia et al., "Highly scalable deep learning training system
with mixed-precision", 2018 (arXiv 1807.11205), section 3.3.
"""

from __future__ import annotations

from traffic.collectives.ring import gather_ring, scatter_ring
from traffic.collectives.schedule import Message, Rounds, Shape, parts


def all_reduce(shape: Shape, rank: int) -> list[list[Message]]:
    """Rings within the groups and, for each part of the vector, a ring across them.

    The vector has as many parts as the smallest group has ranks; in a larger group the
    others help to reduce and hold no part between.
    """
    groups = shape.groups
    group = next(members for members in groups if rank in members)
    own, largest = group.index(rank), max(map(len, groups))
    smallest = min(map(len, groups))
    shards = parts((0, shape.elements), smallest)
    nothing = (shape.elements, shape.elements)
    spans = shards + [nothing] * (len(group) - smallest)
    rounds = Rounds()
    scatter_ring(rounds, 0, group, own, spans)
    across = largest - 1
    if own < smallest:
        ring = [members[own] for members in groups]
        place = ring.index(rank)
        slices = parts(shards[own], len(groups))
        scatter_ring(rounds, across, ring, place, slices)
        gather_ring(rounds, across + len(groups) - 1, ring, place, slices)
    gather_ring(rounds, across + 2 * (len(groups) - 1), group, own, spans)
    return rounds.rounds
