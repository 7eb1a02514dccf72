"""All-reduce by recursive halving and doubling: few rounds, each with another partner.

With a number of ranks that is no power of two, the first ranks fold in pairs before and
unfold after. Source: R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of collective
communication operations in MPICH", Int. J. High Perform. Comput. Appl. 19 (2005), 4.5.
"""

from __future__ import annotations

from traffic.collectives.schedule import Message, Rounds, Shape, Span, parts

_FOLDING = 2


def all_reduce(shape: Shape, rank: int) -> list[list[Message]]:
    """2 log2(p) rounds among p = 2^k ranks, and three more when others have to fold."""
    rounds = Rounds()
    levels = shape.ranks.bit_length() - 1
    pairs = shape.ranks - (1 << levels)
    everything = (0, shape.elements)
    if rank < 2 * pairs:
        _fold(rounds, rank, everything)
    if rank >= 2 * pairs or rank % 2 == 0:
        number = rank // 2 if rank < 2 * pairs else rank - pairs
        _halve_and_double(rounds, _FOLDING if pairs else 0, levels, number, pairs, everything)
    if rank < 2 * pairs:
        last = _FOLDING + 2 * levels
        if rank % 2 == 0:
            rounds.send(last, rank + 1, everything)
        else:
            rounds.receive(last, rank - 1, everything)
    return rounds.rounds


def _fold(rounds: Rounds, rank: int, everything: Span) -> None:
    """Both of a pair add half of the vector; then the even one gets the other's half."""
    first, second = parts(everything, 2)
    if rank % 2 == 0:
        rounds.send(0, rank + 1, second)
        rounds.reduce(0, rank + 1, first)
        rounds.receive(1, rank + 1, second)
    else:
        rounds.send(0, rank - 1, first)
        rounds.reduce(0, rank - 1, second)
        rounds.send(1, rank - 1, second)


def _halve_and_double(
    rounds: Rounds, first: int, levels: int, number: int, pairs: int, span: Span
) -> None:
    """Halve the range until each of 2^levels ranks has the sum of its part; then back."""
    kept: list[tuple[int, Span, Span]] = []
    for level in range(levels):
        distance = 1 << (levels - 1 - level)
        lower, upper = parts(span, 2)
        keep, give = (upper, lower) if number & distance else (lower, upper)
        partner = _rank_of(number ^ distance, pairs)
        rounds.send(first + level, partner, give)
        rounds.reduce(first + level, partner, keep)
        kept.append((partner, keep, give))
        span = keep
    for level, (partner, keep, give) in enumerate(reversed(kept)):
        rounds.send(first + levels + level, partner, keep)
        rounds.receive(first + levels + level, partner, give)


def _rank_of(number: int, pairs: int) -> int:
    """The rank with that number among those that are left after folding."""
    return 2 * number if number < pairs else number + pairs
