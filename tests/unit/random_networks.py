"""Random networks for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.controller_plans import Edge

_DUCTS: list[tuple[str, ...]] = [(), (), ("x",), ("y",)]


@st.composite
def two_connected(draw: st.DrawFn, ducts: bool = True) -> list[Edge]:
    """A cycle with chords, parallel spans and few different lengths, so that ties abound."""
    size = draw(st.integers(3, 9))
    nodes = st.integers(0, size - 1)
    chords = draw(st.lists(st.tuples(nodes, nodes).filter(lambda c: c[0] != c[1]), max_size=8))
    pairs = [(i, (i + 1) % size) for i in range(size)] + chords
    lengths = st.sampled_from([100.0, 100.0, 200.0, 300.0])
    duct = st.sampled_from(_DUCTS if ducts else _DUCTS[:1])
    return [Edge(f"n{a}", f"n{b}", draw(lengths), draw(duct)) for a, b in pairs]
