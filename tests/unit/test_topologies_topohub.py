"""Real networks from TopoHub."""

from __future__ import annotations

import re
from typing import Any

import pytest
import topohub
from hypothesis import given
from hypothesis import strategies as st

from topologies import topohub as importer
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.problems import InputError
from topologies.spec import SITE_ID, HostRole, SiteKind


def test_attmpls_is_as_topohub_has_it() -> None:
    topology = load_topology("topozoo/AttMpls")
    assert (len(topology.sites), len(topology.spans)) == (25, 56)
    first, span = topology.sites[0], topology.spans[0]
    assert (first.id, first.lat_deg, first.lon_deg) == ("ny54", 40.71, -74.01)
    assert (span.a, span.b, span.length_km, span.rate_gbps) == ("ny54", "cmbr", 303.97, 100)
    assert first.kind is SiteKind.POP
    assert "TopoHub" in topology.source
    plan = make_plan(topology, scale=1000)
    assert len(plan.hosts_with_role(HostRole.HOST)) == 25


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("topozoo/AttMpl", "did you mean 'topozoo/AttMpls'?"),
        ("nowhere/x", "its groups are: backbone, caida, gabriel, sndlib, topozoo"),
        ("../topozoo/AttMpls", "no network"),
        ("sndlib/sun", "coordinates of a drawing"),
    ],
)
def test_what_cannot_be_imported_is_told(key: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_topology(key)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


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


def test_missing_coordinates_are_refused_once(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [{"id": n, "name": f"N{n}"} for n in range(3)]
    with pytest.raises(InputError, match=r"nodes\[0\].pos: node 'N0' \(and 2 more\) has no coord"):
        imported(monkeypatch, graph(nodes=nodes))


def test_disconnected_graph_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no span connects same-3 to the rest"):
        imported(monkeypatch, graph(edges=graph()["edges"][:1]))


@given(st.lists(st.text(max_size=40), max_size=30))
def test_any_names_become_different_site_ids(names: list[str]) -> None:
    ids = importer._unique_ids(names)
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(SITE_ID.strip("^$"), one) for one in ids)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Luleå", "lulea"), ("Frankfurt a. M.", "frankfurt-a-m"), ("København", "kobenhavn"),
     ("St. John's, Newfoundland", "st-john-s-newfo"), ("42", "n42"), ("北京", "n"), ("", "n")],
)  # fmt: skip
def test_names_stay_readable(name: str, expected: str) -> None:
    assert importer._unique_ids([name]) == [expected]


@pytest.mark.parametrize("group", ["topozoo", "backbone", "gabriel", "caida", "sndlib"])
def test_every_tenth_network_is_imported_or_refused_with_a_reason(group: str) -> None:
    keys = [key for key in importer.topohub_keys() if key.startswith(f"{group}/")]
    refused = []
    for key in keys[::10]:
        try:
            assert load_topology(key).sites
        except InputError as error:
            refused.append(str(error))
    assert all("coordinates of a drawing" in reason for reason in refused)
    assert len(refused) < len(keys) / 10
