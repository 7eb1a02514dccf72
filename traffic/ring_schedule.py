"""Who sends which chunk when: the ring all-reduce as pure data.

Source: P. Patarasuk, X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
workstations", J. Parallel Distrib. Comput. 69 (2009).
"""

from __future__ import annotations

from itertools import pairwise

ELEMENT_BYTES = 4


class Phase:
    """The chunk sent to the next rank and the one that comes from the previous rank.

    reduces: the latter is added to one's own (reduce-scatter), else it replaces it (all-gather).
    """

    __slots__ = ("receive", "reduces", "send")

    def __init__(self, send: int, receive: int, reduces: bool) -> None:
        self.send, self.receive, self.reduces = send, receive, reduces


def ring_phases(rank: int, ranks: int) -> list[Phase]:
    """The 2 (ranks - 1) phases of one rank: reduce-scatter, then all-gather."""
    scatter = [
        Phase((rank - step) % ranks, (rank - step - 1) % ranks, reduces=True)
        for step in range(ranks - 1)
    ]
    gather = [
        Phase((rank + 1 - step) % ranks, (rank - step) % ranks, reduces=False)
        for step in range(ranks - 1)
    ]
    return scatter + gather


def owned_chunk(rank: int, ranks: int) -> int:
    """The chunk whose sum is complete at this rank after the reduce-scatter."""
    return (rank + 1) % ranks


def chunk_bounds(total_bytes: int, ranks: int) -> list[tuple[int, int]]:
    """Where each chunk begins and ends in the vector, in bytes; sizes differ by one element."""
    elements = total_bytes // ELEMENT_BYTES
    edges = [elements * chunk // ranks * ELEMENT_BYTES for chunk in range(ranks + 1)]
    return list(pairwise(edges))


def bus_factor(ranks: int) -> float:
    """The ratio busbw / algbw of an all-reduce (as nccl-tests counts): 2 (n - 1) / n."""
    return 2 * (ranks - 1) / ranks


def ring_bound_s(total_bytes: int, ranks: int, rate_mbps: float, delay_s: float) -> float:
    """The least time of a ring all-reduce: 2 (n - 1) (S / (n B) + d).

    rate_mbps is what a stream can carry on each hop (goodput), delay_s a hop's one-way delay.
    """
    chunk_s = total_bytes * 8 / ranks / (rate_mbps * 1e6)
    return 2 * (ranks - 1) * (chunk_s + delay_s)
