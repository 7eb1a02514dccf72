"""Graph files of every format: what is read, what is assumed, what is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from experiments.cli.main import cli
from topologies.imports.graph import Edge
from topologies.imports.names import unique_ids
from topologies.imports.options import ImportOptions
from topologies.imports.positions import interpolated, made_up
from topologies.imports.quantities import rate_in_text
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.problems import InputError
from topologies.spec import SITE_ID, Topology

NETWORKS = Path(__file__).parent.parent / "data" / "networks"
SUFFIXES = (".graphml", ".gml", ".xml", ".json", ".txt", ".yaml")


def imported(name: str, **options: Any) -> Topology:
    return load_topology(str(NETWORKS / name), options=ImportOptions(**options))


def rates(topology: Topology) -> dict[str, float]:
    return {span.id: span.rate_gbps for span in topology.spans}


def test_topology_zoo_graphml_with_all_its_oddities() -> None:
    found = imported("zoo.graphml")
    ids = [site.id for site in found.sites]
    assert ids == ["oslo", "stockholm", "stockholm-2", "n", "none", "lulea"]
    assert found.name == "Made-up Net"
    assert found.site("lulea").region == "Sweden"
    assert rates(found)["oslo-stockholm"] == 10
    assert rates(found)["oslo-stockholm-2"] == 5  # 2 x 2.5 Gbit/s, a parallel edge
    assert rates(found)["stockholm-stockholm-2"] == 0.155
    assert rates(found)["stockholm-2-n"] == 100  # «10-20Gbps» is no rate
    # The hyperedge stands between its three neighbours.
    assert 59 < found.site("none").lat_deg < 65.58
    assert found.notes == (
        "edge 'Luleå' to 'Luleå' from a node to itself: left out",
        "node 'GEANT' (id 5) without coordinates: left out, with 1 edge",
        "node '?' (id 3) and 1 more without coordinates: placed between the neighbours",
        "5 of 8 spans have no rate: 100 Gbit/s assumed (--rate-gbps)",
    )
    make_plan(found)


@pytest.mark.parametrize(("missing", "sites"), [("auto", 6), ("interpolate", 7), ("drop", 3)])
def test_nodes_without_coordinates_as_declared(missing: str, sites: int) -> None:
    parts = "largest" if missing == "drop" else "refuse"
    found = imported("zoo.graphml", missing_positions=missing, parts=parts)
    # Dropped, the only ways to Luleå are gone as well.
    assert len(found.sites) == sites


def test_missing_coordinates_are_refused_on_demand_each_node_told() -> None:
    with pytest.raises(InputError) as caught:
        imported("zoo.graphml", missing_positions="refuse")
    assert len(caught.value.problems) == 3


def test_gml_with_equal_labels_parallel_edges_and_accents() -> None:
    found = imported("zoo.gml", rate_gbps=40)
    assert [site.name for site in found.sites][1:] == ["Stockholm", "Stockholm", "Luleå & more"]
    assert rates(found) == {
        "oslo-stockholm": 10,
        "oslo-stockholm-2": 2.48832,  # OC-48
        "stockholm-stockholm-2": 2.5,
        "stockholm-2-lulea-more": 40,
    }
    assert found.sites[0].hosts[0].rate_gbps == 40


def test_sndlib_xml_names_its_unit_and_zero_demands_are_none() -> None:
    found = imported("sndlib.xml")
    assert [(d.a, d.b, d.rate_gbps) for d in found.demands] == [
        ("oslo", "lulea", 0.2505), ("lulea", "oslo", 0.2),
    ]  # fmt: skip
    # A capacity of 0 is still to be planned.
    assert rates(found) == {"oslo-stockholm": 10, "stockholm-lulea": 100}
    assert found.site("oslo").lat_deg == 59.91
    assert not any("unit" in note for note in found.notes)


def test_sndlib_native_in_a_declared_unit() -> None:
    found = imported("sndlib.txt", demand_unit_mbps=155.52)
    assert found.demands[0].rate_gbps == pytest.approx(195 * 0.15552)
    assert rates(found)["oslo-stockholm"] == pytest.approx(40 * 0.15552)
    assert "1 Mbit/s is assumed" in imported("sndlib.txt").notes[0]


def test_lengths_alone_are_enough_and_make_a_map() -> None:
    found = imported("lengths.json")
    assert {span.id: span.length_km for span in found.spans}["b-c"] == pytest.approx(100.584)
    assert found.span("d-a").delay_us == 500
    assert found.span("d-a").delay_back_us == 750
    assert rates(found)["b-c"] == 40
    assert len({(site.lat_deg, site.lon_deg) for site in found.sites}) == 4
    assert found == imported("lengths.json")
    in_metres = imported("lengths.json", length_unit="m")
    assert in_metres.span("c-d").length_km == 1  # 100 m; no span is shorter than 1 km
    assert any("'capacity' of 1 edge has no unit" in note for note in found.notes)


def test_a_drawing_needs_a_scale(tmp_path: Path) -> None:
    nodes = [{"id": "a", "x": 0, "y": 0}, {"id": "b", "x": 30, "y": 40}]
    path = tmp_path / "drawing.json"
    path.write_text(json.dumps({"nodes": nodes, "links": [{"source": "a", "target": "b"}]}))
    with pytest.raises(InputError, match="coordinates of a drawing"):
        load_topology(str(path))
    found = load_topology(str(path), options=ImportOptions(km_per_unit=2, route_factor=1))
    assert found.spans[0].length_km == 100
    with pytest.raises(InputError, match="larger than the Earth"):
        load_topology(str(path), options=ImportOptions(km_per_unit=1000))


def test_a_yed_drawing_stands_upright() -> None:
    """Its y grows downwards, as on a screen: Helsinki, drawn above Stockholm, stays north."""
    path = NETWORKS.parent / "bad-input" / "graph-drawing.graphml"
    found = load_topology(str(path), options=ImportOptions(km_per_unit=4))
    stockholm, helsinki = found.sites
    assert helsinki.lat_deg > stockholm.lat_deg
    assert helsinki.lon_deg > stockholm.lon_deg


def test_networkx_own_files_are_read(tmp_path: Path) -> None:
    graph: nx.MultiGraph[str] = nx.MultiGraph(name="three")
    graph.add_node("x", Longitude=1.0, Latitude=2.0)
    graph.add_node("y", Longitude=2.0, Latitude=2.0)
    graph.add_edge("x", "y", length_km=200.0)
    graph.add_edge("x", "y", length_km=300.0)
    nx.write_graphml(graph, tmp_path / "g.graphml")
    nx.write_gml(graph, tmp_path / "g.gml")
    (tmp_path / "g.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    for suffix in ("graphml", "gml", "json"):
        found = load_topology(str(tmp_path / f"g.{suffix}"))
        assert [span.length_km for span in found.spans] == [200, 300]
        assert found.sites[1].lon_deg == 2


@pytest.mark.parametrize(
    ("text", "gbps"),
    [("10 Gbit/s", 10), ("155 Mbps", 0.155), ("2 x 2.5 Gb/s", 5), ("OC-48", 2.48832),
     ("STM-1", 0.15552), ("4xSTM-16", 9.95328), ("< 2.5 Gbps", 2.5), ("1,5 Gbit/s", 1.5),
     ("10-20Gbps", None), ("1 Gbps and 10 Gbps", None), ("Thin Line", None), ("", None),
     ("0 Gbps", None)],
)  # fmt: skip
def test_rates_in_labels(text: str, gbps: float | None) -> None:
    assert rate_in_text(text) == pytest.approx(gbps) if gbps else rate_in_text(text) is None


def test_a_node_between_tokyo_and_seattle_stands_in_the_pacific() -> None:
    edges = [Edge("tokyo", "ship", ""), Edge("ship", "seattle", "")]
    found = interpolated({"tokyo": (139.7, 35.7), "seattle": (-122.3, 47.6)}, edges)
    lon, lat = found["ship"]
    assert 40 < lat < 60
    assert lon < -150 or lon > 170


def test_made_up_map_keeps_the_lengths_of_a_line() -> None:
    nodes = [f"n{i}" for i in range(20)]
    line: nx.Graph[str] = nx.path_graph(nodes)
    for a, b in line.edges:
        line[a][b]["length"] = 100.0
    points = made_up(nodes, line)
    (lon, lat), (far_lon, far_lat) = points["n0"], points["n19"]
    apart_km = 111.195 * ((lon - far_lon) ** 2 + (lat - far_lat) ** 2) ** 0.5
    assert apart_km == pytest.approx(1900, rel=0.01)


@given(st.lists(st.text(max_size=40), max_size=30))
def test_any_names_become_different_site_ids(names: list[str]) -> None:
    import re

    ids = unique_ids(names)
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(SITE_ID.strip("^$"), one) for one in ids)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Luleå", "lulea"), ("Frankfurt a. M.", "frankfurt-a-m"), ("København", "kobenhavn"),
     ("St. John's, Newfoundland", "st-john-s-newfo"), ("42", "n42"), ("北京", "n"), ("", "n")],
)  # fmt: skip
def test_names_stay_readable(name: str, expected: str) -> None:
    assert unique_ids([name]) == [expected]


def cli_result(*command: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, list(command))
    return result.exit_code, result.stdout, result.stderr


def test_command_line_tells_notes_and_writes_an_own_file(tmp_path: Path) -> None:
    out = tmp_path / "own.yaml"
    status, _, told = cli_result(
        "topology", str(NETWORKS / "zoo.gml"), "--rate-gbps", "25", "--out", str(out)
    )
    assert status == 0
    assert "note: Made-up Net: 1 of 4 spans have no rate: 25 Gbit/s declared" in told
    own = load_topology(str(out))
    assert own.spans == imported("zoo.gml", rate_gbps=25).spans
    assert cli_result("validate", str(NETWORKS / "zoo.gml"))[0] == 0


def test_command_line_lists_topohub() -> None:
    status, listed, _ = cli_result("list", "--topohub", "attmpls", "--json")
    assert (status, json.loads(listed)[0]["sites"]) == (0, 25)


# Any content of any format is a network or is refused, and nothing else.


def read_any(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with suppress(InputError):
        assert load_topology(str(path)).sites


def fragments() -> st.SearchStrategy[bytes]:
    """Pieces of real files in any order, with noise between them."""
    pieces: list[bytes] = []
    for file in sorted(NETWORKS.iterdir()):
        pieces += file.read_bytes().splitlines(keepends=True)
    noise = st.binary(max_size=6) | st.sampled_from([b"[", b"]", b"{", b"<", b"&a", b"*a", b"\n"])
    return st.lists(st.sampled_from(pieces) | noise, max_size=25).map(b"".join)


def damaged() -> st.SearchStrategy[bytes]:
    """A real file with some of its bytes replaced or left out."""

    def damage(content: bytes, cuts: Sequence[tuple[float, int, bytes]]) -> bytes:
        for where, length, put in cuts:
            at = int(where * len(content))
            content = content[:at] + put + content[at + length :]
        return content

    files = st.sampled_from(sorted(NETWORKS.iterdir())).map(Path.read_bytes)
    cut = st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=4))
    return st.builds(damage, files, st.lists(cut, min_size=1, max_size=4))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=80) | fragments() | damaged(), suffix=st.sampled_from(SUFFIXES))
@example(content=b'{"nodes": [{"id": 1e999}], "edges": [[]]}', suffix=".json")
@example(content=b"graph [ node [ id 0 label [ ] ] edge [ source 0 target 0 ] ]", suffix=".gml")
@example(content=b"x: *a", suffix=".yaml")
@example(content=b'a: "\\ud800"', suffix=".yaml")
@example(content=b"<network/>", suffix=".xml")
def test_any_bytes_are_a_network_or_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    read_any(tmp_path / f"any{suffix}", content)
