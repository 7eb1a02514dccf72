"""The catalogue: what each topology is, and what it does and does not survive on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx
import pytest

from topologies.lint import Severity, lint
from topologies.load import catalogue_names, load_topology
from topologies.physics import great_circle_km, span_length_km
from topologies.plan import make_plan
from topologies.spec import FibreType, LeafSpine, SiteKind, Span, Topology, Transceiver

# The sites that a single cut (a span, or a conduit) takes off the rest.
SEPARATED = {
    "ai-backbone": set(),
    "neoscaler": {"ellendale", "abilene", "chicago"},
    "metro-edge": {"kempen", "geldern", "wesel"},
    "hybrid": {"winterthur"},
}

# Without an amplifier: IEEE 802.3 (LR4, ER4), OIF 400ZR and 800ZR.
REACH_KM: Mapping[Transceiver | None, float] = {
    Transceiver.GREY_LR4: 10, Transceiver.GREY_ER: 40,
    Transceiver.ZR_400: 120, Transceiver.ZR_800: 120,
}  # fmt: skip

# What lint warns of, and is meant: the code, and the span, site or conduit.
LINT: Mapping[str, set[tuple[str, str]]] = {
    "ai-backbone": set(),
    "neoscaler": {
        ("FC101", "span kc-chicago"), ("FC101", "span ellendale-chicago"),
        ("FC102", "site dallas"), ("FC102", "site kansascity"), ("FC102", "site chicago"),
        ("FC103", "conduit abilene-rail"),
    },
    "metro-edge": {
        ("FC101", "span krefeld-kempen"), ("FC101", "span kempen-geldern"),
        ("FC101", "span oberhausen-wesel"),
        ("FC102", "site oberhausen"), ("FC102", "site krefeld"), ("FC102", "site kempen"),
    },
    "hybrid": {
        ("FC101", "span winterthur-zrh"), ("FC102", "site fra-ix"), ("FC102", "site zrh-ix"),
    },
}  # fmt: skip


def cut_off(topology: Topology, gone: Iterable[Span]) -> set[str]:
    """The sites outside the largest part that is left."""
    lost = {span.id for span in gone}
    graph = nx.Graph((span.a, span.b) for span in topology.spans if span.id not in lost)
    graph.add_nodes_from(site.id for site in topology.sites)
    largest = max(nx.connected_components(graph), key=len)
    return set(graph) - largest


def test_nothing_in_the_catalogue_is_left_untested() -> None:
    assert set(catalogue_names()) == set(SEPARATED)


@pytest.mark.parametrize("name", sorted(SEPARATED))
def test_one_cut_separates_only_what_the_catalogue_means_to(name: str) -> None:
    topology = load_topology(name)
    cuts: list[Iterable[Span]] = [[span] for span in topology.spans]
    cuts += topology.conduits().values()
    assert set().union(*(cut_off(topology, cut) for cut in cuts)) == SEPARATED[name]


@pytest.mark.parametrize("name", sorted(SEPARATED))
def test_every_site_and_span_is_described(name: str) -> None:
    topology = load_topology(name)
    assert topology.description
    assert topology.source
    for site in topology.sites:
        assert all((site.operator, site.region, site.jurisdiction)), site.id
        assert site.power_price_usd_per_mwh, site.id
        assert site.carbon_g_per_kwh, site.id
    for span in topology.spans:
        assert span.transceiver, span.id
        direct_km = great_circle_km(topology.site(span.a), topology.site(span.b))
        assert span_length_km(topology, span) >= direct_km, span.id
    for names in topology.conduits().values():
        assert len(names) > 1


@pytest.mark.parametrize("name", sorted(SEPARATED))
def test_lint_warns_of_what_is_meant_and_of_nothing_else(name: str) -> None:
    warnings = [f for f in lint(load_topology(name)) if f.severity is Severity.WARNING]
    for code, subject in LINT[name]:
        assert any(f.code == code and f"{subject} " in f.reason for f in warnings), subject
    assert len(warnings) == len(LINT[name])


@pytest.mark.parametrize("name", sorted(SEPARATED))
def test_light_is_amplified_before_it_fades(name: str) -> None:
    """An unamplified pair of optics reaches 120 km at most, a line's amplifiers stand closer."""
    topology = load_topology(name)
    for span in topology.spans:
        section_km = span_length_km(topology, span) / (span.amplifiers + 1)
        assert section_km <= (100 if span.amplifiers else REACH_KM[span.transceiver]), span.id


def test_ai_backbone_is_two_continents_with_highways_and_a_shared_crossing() -> None:
    topology = load_topology("ai-backbone")
    campuses = [site for site in topology.sites if site.kind is SiteKind.CAMPUS]
    assert {campus.jurisdiction for campus in campuses} == {"US-WA", "SE"}
    assert {span.fibre for span in topology.spans} == set(FibreType)
    assert {s.id for s in topology.conduits()["long-island-landing"]} == {
        "newyork-london", "newyork-dublin",
    }  # fmt: skip


def test_neoscaler_is_three_campuses_with_rails() -> None:
    topology = load_topology("neoscaler")
    campuses = [site for site in topology.sites if site.kind is SiteKind.CAMPUS]
    assert len(campuses) == 3
    assert all(isinstance(campus.fabric, LeafSpine) for campus in campuses)


def test_metro_edge_is_thirty_and_more_edges_on_country_roads() -> None:
    topology = load_topology("metro-edge")
    kinds = [site.kind for site in topology.sites]
    assert kinds.count(SiteKind.EDGE) >= 30
    assert kinds.count(SiteKind.CLOUD) == 2
    assert all(5 <= span_length_km(topology, span) <= 45 for span in topology.spans)


def test_hybrid_is_a_cloud_in_two_jurisdictions_and_an_enterprise() -> None:
    topology = load_topology("hybrid")
    clouds = {s.jurisdiction for s in topology.sites if s.kind is SiteKind.CLOUD}
    assert clouds == {"DE", "IE"}
    premises = [s for s in topology.sites if s.kind is SiteKind.ENTERPRISE]
    assert any(group.role == "storage" for site in premises for group in site.hosts)


@pytest.mark.parametrize("name", sorted(SEPARATED))
def test_every_topology_plans_at_the_default_scale(name: str) -> None:
    plan = make_plan(load_topology(name), scale=10_000)
    assert all(span.rate_mbps >= 1 for span in plan.spans)
    assert len(plan.hosts) >= 20
