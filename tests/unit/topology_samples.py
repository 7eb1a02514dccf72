"""Topologies for the tests, by hand and by chance."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from topologies.load import check_topology
from topologies.problems import dotted
from topologies.spec import Topology


def triangle(**changes: Any) -> dict[str, Any]:
    """Three sites in a ring, as plain data; `changes` replaces top-level fields."""
    place = {"kind": "pop", "lat_deg": 0.0}
    return {
        "name": "triangle",
        "sites": [
            {
                "id": "a",
                "name": "A",
                "lon_deg": 0.0,
                **place,
                "hosts": [{"role": "gpu", "count": 2}],
            },
            {"id": "b", "name": "B", "lon_deg": 1.0, **place},
            {"id": "c", "name": "C", "lon_deg": 2.0, **place, "hosts": [{"role": "user"}]},
        ],
        "spans": [
            {"id": "ab", "a": "a", "b": "b", "rate_gbps": 100, "length_km": 100},
            {"id": "bc", "a": "b", "b": "c", "rate_gbps": 400, "length_km": 200},
            {"id": "ca", "a": "c", "b": "a", "rate_gbps": 800, "length_km": 1000},
        ],
        **changes,
    }


def checked(data: dict[str, Any]) -> Topology:
    return check_topology(data, dotted)


def with_fabric(**fabric: Any) -> dict[str, Any]:
    """The triangle with eight GPUs and two storage hosts behind a leaf-spine fabric at `a`."""
    data = triangle()
    data["sites"][0]["hosts"] = [{"role": "gpu", "count": 8}, {"role": "storage", "count": 2}]
    data["sites"][0]["fabric"] = {"kind": "leaf-spine", "leaves": 4, "spines": 2, **fabric}
    return data


@st.composite
def topologies(draw: st.DrawFn, most_sites: int = 300) -> Topology:
    """Any connected network with hosts and parallel spans."""
    size = draw(st.integers(1, most_sites))
    site = {"kind": "pop", "lat_deg": 0.0, "lon_deg": 0.0}
    counts = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    sites = [
        {"id": f"n{n}", "name": "n", **site, "hosts": [{"role": "host", "count": c}] if c else []}
        for n, c in enumerate(counts)
    ]
    ends = [(draw(st.integers(0, n - 1)), n) for n in range(1, size)]
    if size > 1:
        more = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
        ends += [pair for pair in draw(st.lists(more, max_size=20)) if pair[0] != pair[1]]
    spans = [
        {"id": f"l{k}", "a": f"n{a}", "b": f"n{b}", "rate_gbps": 100, "length_km": 1.0 + k}
        for k, (a, b) in enumerate(ends)
    ]
    return checked({"name": "any", "sites": sites, "spans": spans})
