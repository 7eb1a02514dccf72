"""Gabriel graphs: two places are neighbours if no third lies in the circle between them.

Gabriel and Sokal, «A new statistical approach to geographic variation analysis», 1969.
They resemble real fibre networks: planar, short spans, three to four neighbours.
"""

from __future__ import annotations

import numpy as np

from topologies.parametric.layout import Layout, numbered

# Of the square that the places are drawn from: the density of a national backbone.
_KM_PER_ROOT_NODE = 150.0


def gabriel_layout(nodes: int, seed: int) -> Layout:
    """Uniform places in a square whose side grows with the root of the nodes, in km."""
    side_km = _KM_PER_ROOT_NODE * nodes**0.5
    random = np.random.default_rng(seed)
    places = random.uniform(-side_km / 2, side_km / 2, (nodes, 2))
    names = numbered("n", nodes)
    return Layout(
        {name: (float(x), float(y)) for name, (x, y) in zip(names, places, strict=True)},
        tuple((names[a], names[b]) for a, b in _neighbours(places)),
        metric=True,
    )


def _neighbours(places: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[tuple[int, int]]:
    """Pairs (a, b), a < b, with d(a,c)² + d(b,c)² ≥ d(a,b)² for every other c."""
    squared = ((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)
    found = []
    for a in range(len(places)):
        through = squared[a][None, :] + squared  # [b, c]: over c from a to b
        through[:, a] = np.inf
        np.fill_diagonal(through, np.inf)
        joined = through.min(axis=1) >= squared[a]
        found += [(a, int(b)) for b in np.flatnonzero(joined) if b > a]
    return found
