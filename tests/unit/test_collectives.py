"""Schedules: the right result on every rank, whatever n and S, with no buffer and any order."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.collective_runs import Execution
from traffic.collectives.catalogue import COLLECTIVES, SUM, Algorithm, Collective
from traffic.collectives.double_tree import depth, parents, twin
from traffic.collectives.model import schedule_s, sent_bytes, wire_bytes
from traffic.collectives.schedule import ELEMENT_BYTES, Message, Shape, parts, pieces

CASES = [
    (name, algorithm)
    for name, collective in COLLECTIVES.items()
    for algorithm in collective.algorithms
]
EVERY = pytest.mark.parametrize(("name", "algorithm"), CASES)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Any number of ranks and numbers, also fewer numbers than ranks; any division in sites."""
    ranks = draw(st.integers(2, 13))
    elements = draw(st.integers(1, 80))
    cuts = sorted(draw(st.sets(st.integers(1, ranks - 1), max_size=4)))
    order = draw(st.permutations(range(ranks)))
    groups = [order[a:b] for a, b in pairwise([0, *cuts, ranks])]
    piece = draw(st.integers(1, 60))
    root = draw(st.integers(0, ranks - 1))
    return Shape(ranks, elements, piece_elements=piece, groups=groups, root=root)


def programs(shape: Shape, algorithm: Algorithm) -> list[list[list[Message]]]:
    return [algorithm(shape, rank) for rank in range(shape.ranks)]


def vector(rank: int, elements: int) -> list[int]:
    return [1_000 * (rank + 1) ** 2 + 7 * element for element in range(elements)]


def start_buffers(collective: Collective, shape: Shape) -> list[list[int]]:
    buffers = []
    for rank in range(shape.ranks):
        layout = collective.layout(shape, rank)
        buffer, own = [-(10**9)] * layout.elements, vector(rank, shape.elements)
        for (at, end), source_at in layout.inputs:
            buffer[at:end] = own[source_at : source_at + end - at]
        buffers.append(buffer)
    return buffers


def right(name: str, shape: Shape, rank: int, buffer: list[int]) -> bool:
    """By the definition of the operation, not by the layout."""
    n, size = shape.ranks, shape.elements
    vectors = [vector(other, size) for other in range(n)]
    total = [sum(column) for column in zip(*vectors, strict=True)]
    edges = [size * part // n for part in range(n + 1)]
    at, end, block = edges[rank], edges[rank + 1], size // n
    gathered = [vectors[i][e] for i in range(n) for e in range(edges[i], edges[i + 1])]
    blocks = [vectors[i][rank * block : (rank + 1) * block] for i in range(n)]
    is_right = {
        "all-reduce": buffer == total,
        "reduce-scatter": buffer[at:end] == total[at:end],
        "all-gather": buffer == gathered,
        "all-to-all": buffer[n * block :] == [value for part in blocks for value in part],
        "broadcast": buffer == vectors[shape.root],
        "send-receive": buffer[size:] == vectors[rank - 1],
        "gather": rank != shape.root or buffer == gathered,
        "scatter": buffer[at:end] == vectors[shape.root][at:end],
    }
    return is_right[name]


@EVERY
@settings(max_examples=20, deadline=None)
@given(shape=shapes(), buffered=st.booleans(), seed=st.integers(0, 2**16))
def test_every_rank_gets_the_right_result_in_any_order_of_events(
    name: str, algorithm: str, shape: Shape, buffered: bool, seed: int
) -> None:
    collective = COLLECTIVES[name]
    buffers = start_buffers(collective, shape)
    run = Execution(programs(shape, collective.algorithms[algorithm]), buffers, buffered)
    run.finish(random.Random(seed))
    assert all(right(name, shape, rank, buffer) for rank, buffer in enumerate(buffers))


@pytest.mark.parametrize("name", COLLECTIVES)
@settings(max_examples=10, deadline=None)
@given(shape=shapes())
def test_the_declared_outputs_are_what_is_right(name: str, shape: Shape) -> None:
    collective = COLLECTIVES[name]
    for rank in range(shape.ranks):
        layout = collective.layout(shape, rank)
        buffer = start_buffers(collective, shape)[rank]
        for (at, end), source, source_at in layout.outputs:
            vectors = [vector(other, shape.elements) for other in range(shape.ranks)]
            values = (
                [sum(column) for column in zip(*vectors, strict=True)]
                if source == SUM
                else vectors[source]
            )
            buffer[at:end] = values[source_at : source_at + end - at]
        assert right(name, shape, rank, buffer)


@EVERY
@settings(max_examples=20, deadline=None)
@given(shape=shapes())
def test_each_message_is_received_in_the_round_in_which_it_is_sent(
    name: str, algorithm: str, shape: Shape
) -> None:
    sent: list[tuple[int, int, int, int, int]] = []
    received: list[tuple[int, int, int, int, int]] = []
    for rank, program in enumerate(programs(shape, COLLECTIVES[name].algorithms[algorithm])):
        for number, messages in enumerate(program):
            for m in messages:
                ends = (rank, m.peer) if m.sends else (m.peer, rank)
                (sent if m.sends else received).append((number, *ends, m.channel, m.elements))
    assert sorted(sent) == sorted(received)


def total_sent(shape: Shape, algorithm: Algorithm) -> list[int]:
    return [sum(sent_bytes(program).values()) for program in programs(shape, algorithm)]


@given(ranks=st.integers(2, 24), blocks=st.integers(1, 50))
def test_a_ring_sends_the_least_that_is_possible(ranks: int, blocks: int) -> None:
    shape = Shape(ranks, ranks * blocks)
    size = shape.elements * ELEMENT_BYTES
    ring = COLLECTIVES["all-reduce"].algorithms["ring"]
    assert total_sent(shape, ring) == [2 * (ranks - 1) * size // ranks] * ranks
    half = [(ranks - 1) * size // ranks] * ranks
    assert total_sent(shape, COLLECTIVES["reduce-scatter"].algorithms["ring"]) == half
    assert total_sent(shape, COLLECTIVES["all-gather"].algorithms["ring"]) == half
    assert total_sent(shape, COLLECTIVES["all-to-all"].algorithms["direct"]) == half


@given(exponent=st.integers(1, 5), blocks=st.integers(1, 20))
def test_halving_and_doubling_sends_as_little_in_few_rounds(exponent: int, blocks: int) -> None:
    ranks = 2**exponent
    shape = Shape(ranks, ranks * blocks)
    algorithm = COLLECTIVES["all-reduce"].algorithms["halving-doubling"]
    size = shape.elements * ELEMENT_BYTES
    assert total_sent(shape, algorithm) == [2 * (ranks - 1) * size // ranks] * ranks
    assert {len(program) for program in programs(shape, algorithm)} == {2 * exponent}


@given(ranks=st.integers(2, 40))
def test_two_trees_share_the_inner_nodes(ranks: int) -> None:
    first = parents(ranks)
    second = twin(first)
    for ups in (first, second):
        assert ups.count(None) == 1
        height = max(depth(ups, rank) for rank in range(ranks))
        assert height <= ranks.bit_length()
    inner = [
        {up for up in ups if up is not None and ups[up] is not None} for ups in (first, second)
    ]
    if ranks % 2 == 0:
        assert not inner[0] & inner[1]


@settings(deadline=None)
@given(ranks=st.integers(2, 12), elements=st.integers(1, 400))
def test_two_trees_send_each_half_up_and_down_once(ranks: int, elements: int) -> None:
    sent = total_sent(Shape(ranks, elements), COLLECTIVES["all-reduce"].algorithms["double-tree"])
    assert sum(sent) == 2 * (ranks - 1) * elements * ELEMENT_BYTES


@given(groups=st.integers(2, 5), members=st.integers(1, 4), blocks=st.integers(1, 5))
def test_between_the_sites_each_number_goes_once_around(
    groups: int, members: int, blocks: int
) -> None:
    ranks = groups * members
    sites = [list(range(g * members, (g + 1) * members)) for g in range(groups)]
    shape = Shape(ranks, ranks * blocks, groups=sites)
    between = 0
    for rank, program in enumerate(
        programs(shape, COLLECTIVES["all-reduce"].algorithms["hierarchical"])
    ):
        totals = sent_bytes(program)
        between += sum(size for peer, size in totals.items() if peer // members != rank // members)
    assert between == 2 * (groups - 1) * shape.elements * ELEMENT_BYTES


@given(at=st.integers(0, 50), size=st.integers(0, 500), count=st.integers(1, 40))
def test_parts_and_pieces_cover_a_range(at: int, size: int, count: int) -> None:
    for found in (parts((at, at + size), count), pieces((at, at + size), count)):
        assert found[0][0] == at
        assert found[-1][1] == at + size
        assert all(first[1] == second[0] for first, second in pairwise(found))
        lengths = {end - start for start, end in found}
        assert max(lengths) - min(lengths) <= 1


RATE_BPS, DELAY_S = 80e6, 0.010


def model_s(shape: Shape, name: str, algorithm: str) -> float:
    return schedule_s(
        programs(shape, COLLECTIVES[name].algorithms[algorithm]),
        lambda _a, _b, size: size * 8 / RATE_BPS,
        lambda _a, _b, _size: DELAY_S,
    )


@given(ranks=st.integers(2, 16), blocks=st.integers(1, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_model_of_a_ring_is_its_closed_form(ranks: int, blocks: int) -> None:
    shape = Shape(ranks, ranks * blocks)
    size = shape.elements * ELEMENT_BYTES
    chunk_s = size * 8 / ranks / RATE_BPS
    right_s = 2 * (ranks - 1) * (chunk_s + DELAY_S)
    assert model_s(shape, "all-reduce", "ring") == pytest.approx(right_s)


@given(exponent=st.integers(1, 4), blocks=st.integers(1, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_model_of_halving_and_doubling_is_its_closed_form(exponent: int, blocks: int) -> None:
    ranks = 2**exponent
    shape = Shape(ranks, ranks * blocks)
    size_s = shape.elements * ELEMENT_BYTES * 8 / RATE_BPS
    right_s = 2 * exponent * DELAY_S + 2 * (ranks - 1) / ranks * size_s
    assert model_s(shape, "all-reduce", "halving-doubling") == pytest.approx(right_s)


def test_trees_are_pipelined_over_long_delays() -> None:
    # 16 ranks, 1 MB at 80 Mbit/s: an inner node sends 2 S = 200 ms; then come steps of 10 ms.
    shape = Shape(16, 250_000, piece_elements=4096)
    found = model_s(shape, "all-reduce", "double-tree")
    assert 0.220 < found < 0.300
    one_piece = Shape(16, 250_000, piece_elements=250_000)
    assert model_s(one_piece, "all-reduce", "double-tree") > 1.5 * found


def test_factors_are_those_of_nccl_tests() -> None:
    found = {name: collective.bus_factor(4) for name, collective in COLLECTIVES.items()}
    assert found == {
        "all-reduce": 1.5, "reduce-scatter": 0.75, "all-gather": 0.75, "all-to-all": 0.75,
        "broadcast": 1.0, "send-receive": 1.0, "gather": 0.75, "scatter": 0.75,
    }  # fmt: skip


def test_wire_bytes_hold_all_headers() -> None:
    assert wire_bytes(100) == 100 + 16 + 66
    assert wire_bytes(1432) == 1448 + 66
    assert wire_bytes(1433) == 1449 + 2 * 66
    assert wire_bytes(1000, connections=2) == 1000 + 2 * (16 + 66)
