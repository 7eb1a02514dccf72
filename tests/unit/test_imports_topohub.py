"""Real networks from TopoHub."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
import topohub

from topologies.imports.options import ImportOptions
from topologies.imports.topohub import find_topohub, topohub_keys
from topologies.lint import CODES, lint
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.problems import InputError
from topologies.spec import HostRole, SiteKind


def test_attmpls_is_as_topohub_has_it() -> None:
    topology = load_topology("topozoo/AttMpls")
    assert (len(topology.sites), len(topology.spans)) == (25, 56)
    first, span = topology.sites[0], topology.spans[0]
    assert (first.id, first.lat_deg, first.lon_deg) == ("ny54", 40.71, -74.01)
    assert (span.a, span.b, span.length_km, span.rate_gbps) == ("ny54", "cmbr", 303.97, 100)
    assert first.kind is SiteKind.POP
    assert "TopoHub" in topology.source
    assert topology.notes == ("all spans have no rate: 100 Gbit/s assumed (--rate-gbps)",)
    plan = make_plan(topology, scale=1000)
    assert len(plan.hosts_with_role(HostRole.HOST)) == 25


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("topozoo/AttMpl", "did you mean 'topozoo/AttMpls'?"),
        ("zoo/attmpls", "did you mean 'topozoo/AttMpls'?"),
        ("AttMpls", "did you mean 'topozoo/AttMpls'?"),
        ("nowhere/qqqqqq", "its groups are: backbone, caida, gabriel, sndlib, topozoo"),
        ("../topozoo/AttMpls", "no network"),
        ("topozoo/..", "no network"),
        ("sndlib/sun", "coordinates of a drawing"),
        ("sndlib/india35", "coordinates of a drawing"),
    ],
)
def test_what_cannot_be_imported_is_told(key: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_topology(key)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_drawing_with_a_declared_scale_has_lengths_of_its_own() -> None:
    options = ImportOptions(km_per_unit=2, route_factor=1)
    france = load_topology("sndlib/france", options=options)
    a, b = france.site(france.spans[0].a), france.site(france.spans[0].b)
    km = 111.195 * ((a.lat_deg - b.lat_deg) ** 2 + (a.lon_deg - b.lon_deg) ** 2) ** 0.5
    assert france.spans[0].length_km == pytest.approx(km, rel=1e-4)
    assert any("2 km for each unit" in note for note in france.notes)


def test_gabriel_plane_lies_on_the_equator_in_kilometres() -> None:
    topology = load_topology("gabriel/5/0")
    a, b = topology.sites[0], topology.sites[1]
    apart = 111.195 * ((a.lat_deg - b.lat_deg) ** 2 + (a.lon_deg - b.lon_deg) ** 2) ** 0.5
    assert topology.spans[0].length_km == pytest.approx(59.14)
    assert 0 < apart < 2 * 59.14
    assert all(abs(site.lat_deg) < 5 for site in topology.sites)


def test_demands_of_a_known_unit() -> None:
    """SNDlib scaled geant's and abilene's matrices to 3 Tbit/s in all (its readme files)."""
    for name in ("geant", "abilene"):
        topology = load_topology(f"sndlib/{name}")
        total_gbps = sum(demand.rate_gbps for demand in topology.demands)
        assert total_gbps == pytest.approx(3000, rel=1e-5)
        assert not any("unit" in note for note in topology.notes)


def test_demands_of_an_unknown_unit_are_megabits_with_a_note_or_as_declared() -> None:
    assumed = load_topology("sndlib/polska")
    assert assumed.demands[0].rate_gbps == 0.195
    assert (assumed.demands[0].a, assumed.demands[0].b) == ("gdansk", "bydgoszcz")
    assert any("1 Mbit/s is assumed" in note for note in assumed.notes)
    declared = load_topology("sndlib/polska", options=ImportOptions(demand_unit_mbps=155))
    assert declared.demands[0].rate_gbps == pytest.approx(30.225)
    assert not any("unit" in note for note in declared.notes)


def test_list_finds_names_in_any_case_with_their_sizes() -> None:
    [entry] = find_topohub("attMPLS")
    assert (entry.key, entry.sites, entry.spans, entry.demands) == ("topozoo/AttMpls", 25, 56, 0)
    drawings = {entry.key for entry in find_topohub("sndlib/") if entry.is_drawing}
    assert len(drawings) == 12
    with pytest.raises(InputError, match="did you mean 'sndlib/polska'"):
        find_topohub("polsak")


def outcomes(keys: Sequence[str]) -> list[tuple[str, int, int, int, str]]:
    """For each key its sites, spans and findings of lint, or why it is refused."""
    found = []
    for key in keys:
        try:
            topology = load_topology(key)
        except InputError as error:
            found.append((key, 0, 0, 0, str(error)))
            continue
        sizes = len(topology.sites), len(topology.spans)
        # One of each ten of Gabriel's, which differ by their seeds alone.
        if not key.startswith("gabriel/") or key.endswith("/0"):
            plan = make_plan(topology)
            assert (len(plan.switches), len(plan.spans)) == sizes
        findings = lint(topology)
        assert {finding.code for finding in findings} <= CODES.keys()
        found.append((key, *sizes, len(findings), ""))
    return found


def test_every_network_is_planned_and_linted_or_refused_with_a_reason() -> None:
    keys = topohub_keys()
    assert len(keys) > 700
    # Each worker lives for seconds: collecting its garbage would cost a quarter of them.
    with ProcessPoolExecutor(initializer=gc.disable) as pool:
        chunks = pool.map(outcomes, [keys[start::20] for start in range(20)])
        told = {one[0]: one[1:] for chunk in chunks for one in chunk}
    sizes = {entry.key: (entry.sites, entry.spans) for entry in find_topohub()}
    drawings = {entry.key for entry in find_topohub() if entry.is_drawing}
    for key, (sites, spans, _, refusal) in told.items():
        if key in drawings:
            assert "coordinates of a drawing" in str(refusal)
        else:
            assert (sites, spans, refusal) == (*sizes[key], "")
    assert len(drawings) == 12
    assert sum(findings for _, _, findings, _ in told.values()) > 1000


def graph(**changes: Any) -> dict[str, Any]:
    return {
        "graph": {},
        "nodes": [{"id": n, "name": "Same", "pos": [n, 50]} for n in range(3)],
        "edges": [{"source": 0, "target": 1, "dist": 10.0}, {"source": 1, "target": 2, "dist": 0}],
        **changes,
    }


def imported(monkeypatch: pytest.MonkeyPatch, data: dict[str, Any]) -> Any:
    monkeypatch.setattr(topohub, "get", lambda _: data)
    return load_topology("topozoo/AttMpls")


def test_equal_names_get_numbers_and_no_span_is_without_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topology = imported(monkeypatch, graph())
    assert [site.id for site in topology.sites] == ["same", "same-2", "same-3"]
    assert [span.length_km for span in topology.spans] == [10, 1]


def test_disconnected_graph_is_refused_with_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"2 separate networks \(of 2, 1 nodes\).* node 'Same'"):
        imported(monkeypatch, graph(edges=graph()["edges"][:1]))
