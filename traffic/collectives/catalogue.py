"""All collectives: their algorithms, nccl-tests' factors, and what is right at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from traffic.collectives import direct, double_tree, halving_doubling, hierarchical, ring
from traffic.collectives.schedule import Message, Shape, Span, parts

Algorithm = Callable[[Shape, int], list[list[Message]]]

SUM = -1
"""As the source of an output: the sum over all ranks' vectors."""


class Layout:
    """What is in a rank's buffer before and after.

    elements: the buffer's size. inputs: (where, from which element of its own vector on).
    outputs: (where, whose vector or SUM, from which element of it on).
    """

    __slots__ = ("elements", "inputs", "outputs")

    def __init__(
        self,
        elements: int,
        inputs: list[tuple[Span, int]],
        outputs: list[tuple[Span, int, int]],
    ) -> None:
        self.elements, self.inputs, self.outputs = elements, inputs, outputs


class Collective:
    """One operation. algorithms: the first one is the default.

    per_rank_share: busbw's factor is (n - 1) / n times `bus_rounds`, else it is `bus_rounds`
    (nccl-tests, doc/PERFORMANCE.md).
    """

    __slots__ = ("algorithms", "bus_rounds", "layout", "per_rank_share", "reduces", "rooted")

    def __init__(
        self,
        algorithms: Mapping[str, Algorithm],
        layout: Callable[[Shape, int], Layout],
        *,
        bus_rounds: int = 1,
        per_rank_share: bool = True,
        reduces: bool = False,
        rooted: bool = False,
    ) -> None:
        self.algorithms, self.layout = algorithms, layout
        self.bus_rounds, self.per_rank_share = bus_rounds, per_rank_share
        self.reduces, self.rooted = reduces, rooted

    def bus_factor(self, ranks: int) -> float:
        """Busbw ÷ algbw: what each link carries of the size, whatever the algorithm."""
        return self.bus_rounds * ((ranks - 1) / ranks if self.per_rank_share else 1.0)


def _all_reduce(shape: Shape, _rank: int) -> Layout:
    whole = (0, shape.elements)
    return Layout(shape.elements, [(whole, 0)], [(whole, SUM, 0)])


def _reduce_scatter(shape: Shape, rank: int) -> Layout:
    own = parts((0, shape.elements), shape.ranks)[rank]
    return Layout(shape.elements, [((0, shape.elements), 0)], [(own, SUM, own[0])])


def _all_gather(shape: Shape, rank: int) -> Layout:
    spans = parts((0, shape.elements), shape.ranks)
    outputs = [(span, source, span[0]) for source, span in enumerate(spans)]
    return Layout(shape.elements, [(spans[rank], spans[rank][0])], outputs)


def _all_to_all(shape: Shape, rank: int) -> Layout:
    whole = direct.all_to_all_elements(shape)
    block = whole // shape.ranks
    own_at = whole + rank * block
    outputs = [
        ((whole + source * block, whole + (source + 1) * block), source, rank * block)
        for source in range(shape.ranks)
    ]
    inputs = [((0, whole), 0), ((own_at, own_at + block), rank * block)]
    return Layout(2 * whole, inputs, outputs)


def _broadcast(shape: Shape, rank: int) -> Layout:
    whole = (0, shape.elements)
    inputs = [(whole, 0)] if rank == shape.root else []
    return Layout(shape.elements, inputs, [(whole, shape.root, 0)])


def _send_receive(shape: Shape, rank: int) -> Layout:
    size = shape.elements
    outputs = [((size, 2 * size), (rank - 1) % shape.ranks, 0)]
    return Layout(2 * size, [((0, size), 0)], outputs)


def _gather(shape: Shape, rank: int) -> Layout:
    found = _all_gather(shape, rank)
    return found if rank == shape.root else Layout(found.elements, found.inputs, [])


def _scatter(shape: Shape, rank: int) -> Layout:
    own = parts((0, shape.elements), shape.ranks)[rank]
    inputs = [((0, shape.elements), 0)] if rank == shape.root else []
    return Layout(shape.elements, inputs, [(own, shape.root, own[0])])


COLLECTIVES: Mapping[str, Collective] = {
    "all-reduce": Collective(
        {
            "ring": ring.all_reduce,
            "halving-doubling": halving_doubling.all_reduce,
            "double-tree": double_tree.all_reduce,
            "hierarchical": hierarchical.all_reduce,
        },
        _all_reduce, bus_rounds=2, reduces=True,
    ),
    "reduce-scatter": Collective({"ring": ring.reduce_scatter}, _reduce_scatter, reduces=True),
    "all-gather": Collective({"ring": ring.all_gather}, _all_gather),
    "all-to-all": Collective({"direct": direct.all_to_all}, _all_to_all),
    "broadcast": Collective(
        {"chain": direct.chain, "binomial": direct.binomial},
        _broadcast, per_rank_share=False, rooted=True,
    ),
    "send-receive": Collective(
        {"direct": direct.send_receive}, _send_receive, per_rank_share=False
    ),
    "gather": Collective({"direct": direct.gather}, _gather, rooted=True),
    "scatter": Collective({"direct": direct.scatter}, _scatter, rooted=True),
}  # fmt: skip


def peers_of(rounds: list[list[Message]]) -> set[int]:
    """Whom a rank exchanges messages with."""
    return {message.peer for part in rounds for message in part}
