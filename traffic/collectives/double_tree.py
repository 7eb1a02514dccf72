"""All-reduce over two binary trees, each of which carries half of the vector.

Who is an inner node of one tree is a leaf of the other (of an even number of ranks), so that
the full bandwidth is used; the depth is logarithmic. Source: P. Sanders, J. Speck, J. L.
Träff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan", Parallel
Computing 35 (2009). The shape of the trees is NCCL's: rank 0 is the root, and the lowest set
bit of a rank is its height.
"""

from __future__ import annotations

from traffic.collectives.schedule import Message, Rounds, Shape, Span, parts, pieces


def all_reduce(shape: Shape, rank: int) -> list[list[Message]]:
    """Piece after piece goes up (reduced) and down again, in both trees at once."""
    rounds = Rounds()
    halves = parts((0, shape.elements), 2)
    trees = (parents(shape.ranks), twin(parents(shape.ranks)))
    for tree, (ups, span) in enumerate(zip(trees, halves, strict=True)):
        _tree(rounds, ups, rank, pieces(span, shape.piece_elements), 2 * tree)
    return rounds.rounds


def parents(ranks: int) -> list[int | None]:
    """Each rank's parent in the first tree; None for the root."""
    ups: list[int | None] = [None]
    for rank in range(1, ranks):
        bit = rank & -rank
        up = (rank ^ bit) | (bit << 1)
        ups.append(up if up < ranks else rank ^ bit)
    return ups


def twin(ups: list[int | None]) -> list[int | None]:
    """The second tree: the first one mirrored (even number of ranks) or shifted by one."""
    count = len(ups)

    def other(rank: int) -> int:
        return count - 1 - rank if count % 2 == 0 else (rank + 1) % count

    twins: list[int | None] = [None] * count
    for rank, up in enumerate(ups):
        twins[other(rank)] = None if up is None else other(up)
    return twins


def depth(ups: list[int | None], rank: int) -> int:
    """How many steps it is to the root."""
    up, steps = ups[rank], 0
    while up is not None:
        up, steps = ups[up], steps + 1
    return steps


def _tree(
    rounds: Rounds, ups: list[int | None], rank: int, spans: list[Span], channel: int
) -> None:
    """One tree's pieces; its way up and its way down are channels of their own."""
    height = max(depth(ups, other) for other in range(len(ups)))
    level, up = depth(ups, rank), ups[rank]
    children = [child for child, parent in enumerate(ups) if parent == rank]
    for number, span in enumerate(spans):
        rising, falling = number + height - level, number + height + level
        for child in children:
            rounds.reduce(rising - 1, child, span, channel)
            rounds.send(falling, child, span, channel + 1)
        if up is not None:
            rounds.send(rising, up, span, channel)
            rounds.receive(falling - 1, up, span, channel + 1)
