"""Collectives whose messages go straight to where they belong.

all-to-all is what a mixture of experts does twice in each layer (D. Lepikhin et al., GShard,
arXiv 2006.16668); gather is a checkpoint, scatter the ingest of a data set. Where input and
output differ, the buffer holds the output behind the input.
"""

from __future__ import annotations

from traffic.collectives.schedule import Message, Rounds, Shape, parts, pieces


def all_to_all(shape: Shape, rank: int) -> list[list[Message]]:
    """Part j of rank i goes to rank j, which keeps it as its part i."""
    rounds, ranks = Rounds(), shape.ranks
    spans = [_block(shape, index) for index in range(ranks)]
    out = ranks * _block_elements(shape)
    for step in range(1, ranks):
        to, source = (rank + step) % ranks, (rank - step) % ranks
        rounds.send(step - 1, to, spans[to])
        at, end = spans[source]
        rounds.receive(step - 1, source, (out + at, out + end))
    return rounds.rounds


def all_to_all_elements(shape: Shape) -> int:
    """What the ranks send in all: equal blocks, as nccl-tests rounds the size down."""
    return shape.ranks * _block_elements(shape)


def send_receive(shape: Shape, rank: int) -> list[list[Message]]:
    """Each rank sends its vector to the next one, all at once."""
    rounds, size = Rounds(), shape.elements
    rounds.send(0, (rank + 1) % shape.ranks, (0, size))
    rounds.receive(0, (rank - 1) % shape.ranks, (size, 2 * size))
    return rounds.rounds


def gather(shape: Shape, rank: int) -> list[list[Message]]:
    """The root receives part i from rank i, from all at once."""
    rounds, root = Rounds(), shape.root
    for other, span in enumerate(parts((0, shape.elements), shape.ranks)):
        if other != root and rank == root:
            rounds.receive(0, other, span)
        elif other == rank != root:
            rounds.send(0, root, span)
    return rounds.rounds


def scatter(shape: Shape, rank: int) -> list[list[Message]]:
    """The root sends part i to rank i, to all at once."""
    rounds, root = Rounds(), shape.root
    for other, span in enumerate(parts((0, shape.elements), shape.ranks)):
        if other != root and rank == root:
            rounds.send(0, other, span)
        elif other == rank != root:
            rounds.receive(0, root, span)
    return rounds.rounds


def announce(shape: Shape, rank: int) -> list[list[Message]]:
    """The root sends the whole vector to each rank itself."""
    rounds, everything = Rounds(), (0, shape.elements)
    for other in range(shape.ranks):
        if rank == shape.root != other:
            rounds.send(0, other, everything)
        elif other == rank != shape.root:
            rounds.receive(0, shape.root, everything)
    return rounds.rounds


def chain(shape: Shape, rank: int) -> list[list[Message]]:
    """Broadcast from each rank to the next, piece by piece: what NCCL's ring does."""
    rounds, ranks = Rounds(), shape.ranks
    place = (rank - shape.root) % ranks
    for number, span in enumerate(pieces((0, shape.elements), shape.piece_elements)):
        if place:
            rounds.receive(number + place - 1, (rank - 1) % ranks, span)
        if place < ranks - 1:
            rounds.send(number + place, (rank + 1) % ranks, span)
    return rounds.rounds


def binomial(shape: Shape, rank: int) -> list[list[Message]]:
    """Broadcast in log2(n) rounds, in each of which all who have the vector pass it on."""
    rounds, ranks, everything = Rounds(), shape.ranks, (0, shape.elements)
    place = (rank - shape.root) % ranks
    if place:
        bit = 1 << (place.bit_length() - 1)
        rounds.receive(bit.bit_length() - 1, (place - bit + shape.root) % ranks, everything)
    for number in range(place.bit_length(), (ranks - 1).bit_length()):
        other = place + (1 << number)
        if other < ranks:
            rounds.send(number, (other + shape.root) % ranks, everything)
    return rounds.rounds


def _block_elements(shape: Shape) -> int:
    return shape.elements // shape.ranks


def _block(shape: Shape, index: int) -> tuple[int, int]:
    size = _block_elements(shape)
    return index * size, (index + 1) * size
