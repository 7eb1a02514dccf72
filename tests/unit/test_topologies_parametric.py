"""The parametric families against what is known of their graphs."""

from __future__ import annotations

import math

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies.load import load_topology
from topologies.parametric import FAMILIES
from topologies.physics import great_circle_km
from topologies.problems import InputError
from topologies.spec import Topology


def graph_of(topology: Topology) -> nx.Graph[str]:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(site.id for site in topology.sites)
    graph.add_edges_from((span.a, span.b) for span in topology.spans)
    assert graph.number_of_edges() == len(topology.spans), "parallel spans"
    return graph


def counts(name: str) -> tuple[int, int, int]:
    """Nodes, links and diameter."""
    graph = graph_of(load_topology(name))
    return graph.number_of_nodes(), graph.number_of_edges(), nx.diameter(graph)


def hosts(topology: Topology) -> int:
    return sum(group.count for site in topology.sites for group in site.hosts)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 40))
def test_simple_families(n: int) -> None:
    assert counts(f"line:{n}") == (n, n - 1, n - 1)
    assert counts(f"ring:{n}") == (n, n, n // 2)
    assert counts(f"ladder:{n}") == (2 * n, 3 * n - 2, n)
    assert counts(f"full-mesh:{n}") == (n, n * (n - 1) // 2, 1)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.integers(2, 9))
def test_grid(rows: int, columns: int) -> None:
    links = rows * (columns - 1) + columns * (rows - 1)
    assert counts(f"grid:{rows}x{columns}") == (rows * columns, links, rows + columns - 2)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 9), st.integers(3, 9))
def test_torus(rows: int, columns: int) -> None:
    nodes = rows * columns
    assert counts(f"torus:{rows}x{columns}") == (nodes, 2 * nodes, rows // 2 + columns // 2)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 12), st.integers(2, 8), st.integers(0, 5))
def test_leaf_spine(leaves: int, spines: int, per_leaf: int) -> None:
    topology = load_topology(f"leaf-spine:{leaves}x{spines},hosts={per_leaf}")
    graph = graph_of(topology)
    assert (len(graph), graph.number_of_edges()) == (leaves + spines, leaves * spines)
    assert nx.diameter(graph) == 2
    assert hosts(topology) == leaves * per_leaf


@pytest.mark.parametrize("k", [2, 4, 6, 8])
def test_fat_tree(k: int) -> None:
    topology = load_topology(f"fat-tree:{k}")
    graph = graph_of(topology)
    assert (len(graph), graph.number_of_edges()) == (5 * k * k // 4, k**3 // 2)
    assert hosts(topology) == k**3 // 4
    ports = dict(graph.degree)
    for site in topology.sites:
        ports[site.id] += sum(group.count for group in site.hosts)
    assert set(ports.values()) == {k}
    if k > 2:
        assert nx.diameter(graph) == 4


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 4))
def test_dragonfly(a: int, h: int, p: int) -> None:
    topology = load_topology(f"dragonfly:a={a},h={h},p={p}")
    graph = graph_of(topology)
    groups = a * h + 1
    assert len(graph) == a * groups
    assert graph.number_of_edges() == groups * a * (a - 1) // 2 + groups * (groups - 1) // 2
    assert set(dict(graph.degree).values()) == {a - 1 + h}
    assert nx.diameter(graph) <= 3
    assert hosts(topology) == p * a * groups
    between = {tuple(sorted((s.a.split("-")[0], s.b.split("-")[0]))) for s in topology.spans}
    assert sum(one != two for one, two in between) == groups * (groups - 1) // 2


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 60), st.integers(0, 1000))
def test_gabriel(n: int, seed: int) -> None:
    topology = load_topology(f"gabriel:n={n},seed={seed}")
    graph = graph_of(topology)
    assert nx.is_connected(graph)
    # A connected plane graph (Euler).
    assert n - 1 <= graph.number_of_edges() <= max(1, 3 * n - 6)
    assert topology == load_topology(f"gabriel:n={n},seed={seed}")


def links_between(name: str, one_side: set[str], other_side: set[str]) -> int:
    """The fewest links whose cut parts two sets of nodes (max-flow, min-cut)."""
    flow: nx.DiGraph[str] = nx.DiGraph()
    flow.add_edges_from(graph_of(load_topology(name)).to_directed().edges, capacity=1)
    flow.add_edges_from(("source", node) for node in one_side)
    flow.add_edges_from((node, "sink") for node in other_side)
    return int(nx.maximum_flow_value(flow, "source", "sink"))


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(1, 6))
def test_bisection(half: int, rows: int, spines: int) -> None:
    columns = range(1, 2 * half + 1)
    left, right = (
        {f"r{row}c{column}" for row in range(1, rows + 2) for column in side}
        for side in (columns[:half], columns[half:])
    )
    assert links_between(f"torus:{rows + 1}x{2 * half}", left, right) == 2 * (rows + 1)
    assert links_between(f"grid:{rows + 1}x{2 * half}", left, right) == rows + 1
    lower, upper = ({f"leaf{n}" for n in side} for side in (columns[:half], columns[half:]))
    assert links_between(f"leaf-spine:{2 * half}x{spines}", lower, upper) == half * spines


@pytest.mark.parametrize("k", [2, 4, 6])
def test_a_fat_tree_has_full_bisection(k: int) -> None:
    """Half of the hosts, k³/8, can all send to the other half at once."""
    edges = [
        {f"p{pod}-edge{n}" for pod in pods for n in range(1, k // 2 + 1)}
        for pods in (range(1, k // 2 + 1), range(k // 2 + 1, k + 1))
    ]
    assert links_between(f"fat-tree:{k}", *edges) == k**3 // 8


def test_regular_families_have_their_degree() -> None:
    for name, degree in (("ring:9", 2), ("torus:3x5", 4), ("full-mesh:7", 6)):
        assert set(dict(graph_of(load_topology(name)).degree).values()) == {degree}


def test_another_seed_gives_other_places() -> None:
    assert load_topology("gabriel:n=20,seed=1").sites != load_topology("gabriel:n=20,seed=2").sites


@pytest.mark.parametrize("name", [family.example for family in FAMILIES.values()])
def test_places_fit_the_lengths(name: str) -> None:
    """No span is shorter than the way between its ends, and no two nodes share a place."""
    topology = load_topology(name)
    sites = {site.id: site for site in topology.sites}
    for span in topology.spans:
        assert span.length_km is not None
        direct_km = great_circle_km(sites[span.a], sites[span.b])
        assert direct_km <= span.length_km * 1.001
    assert len({(site.lat_deg, site.lon_deg) for site in topology.sites}) == len(sites)


def test_a_long_line_stays_on_the_globe() -> None:
    topology = load_topology("line:400,span_km=1000")
    assert {span.length_km for span in topology.spans} == {1000}
    assert all(abs(site.lon_deg) <= 150 for site in topology.sites)


def test_options_hold_for_every_family() -> None:
    for family in FAMILIES.values():
        topology = load_topology(f"{family.example},span_km=50,rate_gbps=400,hosts=2")
        assert {span.rate_gbps for span in topology.spans} == {400}
        if family.name != "gabriel":
            assert {span.length_km for span in topology.spans} == {50}
        assert {group.count for site in topology.sites for group in site.hosts} == {2}


def test_gabriel_spans_are_as_long_as_drawn() -> None:
    lengths = [span.length_km or 0 for span in load_topology("gabriel:n=50,seed=3").spans]
    halved = [span.length_km or 0 for span in load_topology("gabriel:n=50,seed=3,span_km=50").spans]
    assert max(lengths) < 1000
    assert math.isclose(max(lengths), 2 * max(halved))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rink:8", "unknown family 'rink' (did you mean 'ring'?)"),
        ("ring", "n (nodes) is missing; for example ring:8"),
        ("ring:", "n (nodes) is missing"),
        ("ring:two", "n must be a whole number from 3 to 2000, not 'two'"),
        ("ring:2", "n must be a whole number from 3 to 2000, not 2"),
        ("ring:8x9", "ring takes n, span_km, rate_gbps, hosts; '9' is one too many"),
        ("ring:8,9", "'9' must be written as name=value"),
        ("ring:n=8,n=9", "n is given twice"),
        ("ring:8,n=9", "n is given twice"),
        ("ring:8,size=9", "ring has no parameter 'size'"),
        ("ring:8,span=9", "did you mean 'span_km'?"),
        ("ring:8,span_km=0", "span_km (length of each span, km) must be a number from 1"),
        ("ring:8,rate_gbps=fast", "must be a number from 0.001 to 1e+06, not 'fast'"),
        ("ring:8,span_km=nan", "must be a number from 1"),
        ("ring:8,hosts=1.5", "hosts (hosts of each node that carries any) must be a whole number"),
        ("torus:2x4", "rows must be a whole number from 3"),
        ("fat-tree:5", "k must be an even number from 2 to 28, not 5"),
        ("grid:100x100", "it would have 10000 nodes; at most 2000"),
        ("dragonfly:a=99,h=99", "at most 2000"),
        ("ring:-3", "n must be a whole number"),
        ("gabriel:n=50,seed=" + "9" * 400, "seed must be a whole number"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_told(name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_topology(name)
    assert message in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        load_topology("torus:1x2,hosts=many,colour=red")
    assert len(caught.value.problems) == 4


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FAMILIES)), st.text("0123456789x=,.-abhpnseed ", max_size=12))
def test_any_parameters_are_taken_or_refused(family: str, text: str) -> None:
    try:
        topology = load_topology(f"{family}:{text}")
    except InputError:
        return
    assert topology.sites
