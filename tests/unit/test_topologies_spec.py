"""The model of a topology, its physics and what is wrong with bad data."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.topology_samples import checked, triangle
from topologies.files import parse_document
from topologies.load import CATALOGUE, catalogue_names, load_topology, topology_from
from topologies.physics import great_circle_km, span_delay_us, span_length_km
from topologies.problems import InputError
from topologies.spec import FibreType, Site, SiteKind, host_names

LATITUDE, LONGITUDE = st.floats(-90, 90), st.floats(-180, 180)


def site(lat_deg: float, lon_deg: float) -> Site:
    return Site(id="x", name="x", kind=SiteKind.POP, lat_deg=lat_deg, lon_deg=lon_deg)


def problems_of(data: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        checked(data)
    return [str(problem) for problem in caught.value.problems]


def changed(index: int, key: str = "spans", **fields: Any) -> dict[str, Any]:
    """The triangle with some fields of one site or span replaced."""
    data = triangle()
    data[key][index] |= fields
    return data


def test_hosts_are_numbered_by_role_across_groups() -> None:
    groups = [{"role": "gpu", "count": 2}, {"role": "storage"}, {"role": "gpu"}]
    topology = checked(changed(0, "sites", hosts=groups))
    names = [name for name, _ in host_names(topology.site("a"))]
    assert names == ["a-gpu1", "a-gpu2", "a-storage1", "a-gpu3"]


def test_conduits_hold_their_spans() -> None:
    data = changed(0, conduits=["rail"])
    data["spans"][2]["conduits"] = ["rail", "road"]
    conduits = checked(data).conduits()
    assert {name: [span.id for span in spans] for name, spans in conduits.items()} == {
        "rail": ["ab", "ca"],
        "road": ["ca"],
    }


def test_distance_of_known_cities() -> None:
    london, new_york = site(51.507, -0.128), site(40.713, -74.006)
    assert great_circle_km(london, new_york) == pytest.approx(5570, abs=5)


@given(LATITUDE, LONGITUDE, LATITUDE, LONGITUDE)
def test_distance_is_symmetric_and_at_most_half_the_globe(
    lat_a: float, lon_a: float, lat_b: float, lon_b: float
) -> None:
    a, b = site(lat_a, lon_a), site(lat_b, lon_b)
    assert great_circle_km(a, b) == pytest.approx(great_circle_km(b, a), abs=1e-6)
    assert 0 <= great_circle_km(a, b) <= 20_016
    assert great_circle_km(a, a) == 0


def test_fibre_gives_the_delay() -> None:
    topology = checked(changed(0, fibre="hcf"))
    assert span_delay_us(topology, topology.span("ab")) == pytest.approx(335)
    assert span_delay_us(topology, topology.span("bc")) == pytest.approx(980)
    assert topology.span("ab").fibre is FibreType.HCF


def test_length_is_the_great_circle_times_the_route_factor_and_never_nothing() -> None:
    data = changed(0, length_km=None) | {"route_factor": 2.0}
    topology = checked(data)
    assert span_length_km(topology, topology.span("ab")) == pytest.approx(2 * 111.195, abs=0.1)
    data["sites"][1]["lon_deg"] = 0.0
    topology = checked(data)
    assert span_length_km(topology, topology.span("ab")) == 1.0


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (changed(0, rate_gbps=0), "spans[0].rate_gbps", "greater than 0"),
        (changed(0, rate_gbps=-1), "spans[0].rate_gbps", "greater than 0"),
        (changed(0, length_km=-5), "spans[0].length_km", "greater than 0"),
        (changed(0, length_km=float("nan")), "spans[0].length_km", "finite number"),
        (changed(0, b="a"), "spans[0].b", "from 'a' to itself"),
        (changed(0, a="aa"), "spans[0].a", "unknown site 'aa'"),
        (changed(1, id="ab"), "spans[1].id", "duplicate id 'ab', first used by spans[0]"),
        (changed(1, "sites", id="a"), "sites[1].id", "duplicate id 'a', first used by sites[0]"),
        (changed(0, "sites", id="eth0"), "sites[0].id", "reserved"),
        (changed(0, "sites", id="Ä"), "sites[0].id", "1 to 15 of a-z"),
        (changed(0, "sites", id="a" * 16), "sites[0].id", "1 to 15 of a-z"),
        (changed(0, "sites", lat_deg=91), "sites[0].lat_deg", "at most 90"),
        (changed(0, "sites", kind="village"), "sites[0].kind", "'campus'"),
        (changed(0, "sites", colour="red"), "sites[0].colour", "unknown field 'colour'"),
        (changed(0, fiber="hcf"), "spans[0].fiber", "did you mean 'fibre'?"),
        (changed(0, "sites", hosts=[{"role": "gpu", "count": 0}]), "sites[0].hosts[0].count",
         "at least 1"),
        (triangle(controller_site="z"), "controller_site", "unknown site 'z'"),
        (triangle(sites=[]), "sites", "at least 1"),
        (triangle(spans=triangle()["spans"][:1]), "spans", "no span connects c to the rest"),
        (triangle(spans="many"), "spans", "a list"),
    ],
)  # fmt: skip
def test_bad_data_is_told_with_its_place(data: dict[str, Any], place: str, message: str) -> None:
    assert any(text.startswith(f"{place}: ") and message in text for text in problems_of(data))


def test_all_problems_are_told_at_once() -> None:
    data = changed(0, rate_gbps=0, a="nowhere")
    data["sites"][2]["lat_deg"] = 1000
    data["spans"][1]["id"] = "ca"
    assert len(problems_of(data)) == 4


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=4)
                    | st.dictionaries(st.sampled_from(["id", "a", "b", "sites", "spans", "hosts"]),
                                      inner, max_size=4), max_leaves=20),
       st.sampled_from(["sites", "spans", "name", "controller_site", "route_factor"]))  # fmt: skip
def test_any_data_is_accepted_or_refused_with_a_problem(value: Any, field: str) -> None:
    with suppress(InputError):
        assert checked(triangle(**{field: value})).sites


def test_everything_in_the_catalogue_is_right() -> None:
    assert "ai-backbone" in catalogue_names()
    for name in catalogue_names():
        assert load_topology(name).name == name
        assert (CATALOGUE / f"{name}.yaml").exists()


def test_ai_backbone_is_what_the_demo_needs() -> None:
    topology = load_topology("ai-backbone")
    assert 12 <= len(topology.sites) <= 20
    kinds = [site.kind for site in topology.sites]
    assert kinds.count(SiteKind.CAMPUS) == 2
    assert {SiteKind.METRO, SiteKind.EDGE, SiteKind.CLOUD} < set(kinds)
    assert all(len(spans) >= 2 for spans in topology.conduits().values())


def test_unknown_topology_is_told_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"did you mean 'ai-backbone'\?"):
        load_topology("ai-backbon")


def test_json_is_read_like_yaml() -> None:
    text = json.dumps(triangle())
    assert topology_from(parse_document("one.json", text)) == checked(triangle())
