"""What a map shows: every site and span, where it belongs, told apart, in every format."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli.map import map_
from tests.unit.topology_samples import checked, topologies, triangle
from topologies.load import load_topology
from topologies.maps import MapOptions, Scene, Theme, make_scene, page_text, svg_text, write_map
from topologies.maps.globe import Azimuthal, EqualEarth, choose_projection, great_circle
from topologies.maps.labels import text_width_px
from topologies.maps.land import clip, flat_land, land_rings, share_on_land
from topologies.physics import EARTH_RADIUS_KM, great_circle_km
from topologies.spec import Topology

SVG = "{http://www.w3.org/2000/svg}"


def network(
    *places: tuple[float, float], spans: list[tuple[int, int]], **of_spans: Any
) -> Topology:
    """A network of sites at (latitude, longitude) and spans between their numbers."""
    sites = [
        {"id": f"n{i}", "name": f"Site {i}", "kind": "metro", "lat_deg": lat, "lon_deg": lon}
        for i, (lat, lon) in enumerate(places)
    ]
    lines = [
        {"id": f"s{i}", "a": f"n{a}", "b": f"n{b}", "rate_gbps": 100, **of_spans}
        for i, (a, b) in enumerate(spans)
    ]
    return checked({"name": "any", "sites": sites, "spans": lines})


def at(scene: Scene, site: str) -> tuple[float, float]:
    return next((s.x, s.y) for s in scene.sites if s.id == site)


@settings(max_examples=8, deadline=None)
@given(topologies())
def test_every_site_and_span_of_any_network_is_on_its_map(topology: Topology) -> None:
    root = ET.fromstring(svg_text(make_scene(topology)))
    told: dict[str | None, list[str | None]] = {"site at": [], "span": []}
    for group in root.iter(f"{SVG}g"):
        if group.get("class") in told:
            told[group.get("class")].append(group.get("data-id"))
    assert set(told["site at"]) == {site.id for site in topology.sites}
    assert set(told["span"]) == {span.id for span in topology.spans}


@pytest.mark.parametrize("name", ["ai-backbone", "topozoo/AttMpls", "sndlib/germany50"])
def test_sites_are_on_the_map_and_lines_end_at_them(name: str) -> None:
    scene = make_scene(load_topology(name))
    assert all(0 < s.x < scene.width and 0 < s.y < scene.height for s in scene.sites)
    for span in scene.spans:
        assert tuple(span.pieces[0][0]) == pytest.approx(at(scene, span.a))
        assert tuple(span.pieces[-1][-1]) == pytest.approx(at(scene, span.b))


def test_north_is_up_and_east_is_right() -> None:
    scene = make_scene(network((50, 10), (52, 10), (51, 12), spans=[(0, 1), (1, 2)]))
    south, north, east = (at(scene, f"n{i}") for i in range(3))
    assert north[1] < south[1]
    assert east[0] > south[0]


def test_the_scale_bar_is_true() -> None:
    topology = network((50, 8), (50, 9), spans=[(0, 1)])
    scene = make_scene(topology)
    km = great_circle_km(*topology.sites)
    px = float(np.hypot(*(np.array(at(scene, "n0")) - at(scene, "n1"))))
    assert px / km == pytest.approx(scene.scale_bar.px / scene.scale_bar.km, rel=1e-3)


def test_over_the_pacific_the_short_way_is_drawn() -> None:
    # Tokyo and San Francisco: 8,300 km apart; the map's middle is the Pacific.
    scene = make_scene(network((35.7, 139.7), (37.8, -122.4), spans=[(0, 1)]))
    tokyo, francisco = at(scene, "n0"), at(scene, "n1")
    assert tokyo[0] < francisco[0]
    (line,) = scene.spans[0].pieces
    assert line[:, 0].min() >= tokyo[0] - 1
    assert line[:, 0].max() <= francisco[0] + 1


def test_around_the_world_a_line_leaves_at_one_edge_and_comes_in_at_the_other() -> None:
    places = [(0.0, float(lon)) for lon in range(-175, 180, 50)]
    ring = [(i, (i + 1) % len(places)) for i in range(len(places))]
    scene = make_scene(network(*places, spans=ring))
    broken = [span for span in scene.spans if len(span.pieces) == 2]
    assert len(broken) == 1
    first, second = broken[0].pieces
    ends = sorted((first[-1][0], second[0][0]))
    assert ends[1] - ends[0] > 0.8 * scene.width
    for span in scene.spans:
        for piece in span.pieces:
            assert np.abs(np.diff(piece[:, 0])).max() < scene.width / 4


@given(
    st.tuples(st.floats(-80, 80), st.floats(-180, 180)),
    st.tuples(st.floats(-80, 80), st.floats(-180, 180)),
)
def test_a_great_circle_is_as_long_as_the_distance(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    topology = network(a, b, spans=[(0, 1)])
    km = great_circle_km(*topology.sites)
    way = great_circle(np.array(a[::-1]), np.array(b[::-1]))
    lon, lat = np.radians(way).T
    places = np.column_stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    chords = np.linalg.norm(np.diff(places, axis=0), axis=1)
    along_km = 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(chords / 2, 0, 1)).sum()
    if km < 19_900:  # all ways between antipodes are as short
        assert along_km == pytest.approx(km, rel=1e-3, abs=0.01)


def test_both_projections_keep_areas() -> None:
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    for projection in (Azimuthal(10.0, 40.0), EqualEarth(10.0)):
        for lon, lat in ((0, 0), (40, 60), (-30, 20)):
            x, y = projection.flat(square + np.array([lon, lat])).T
            area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
            south, north = np.radians([lat, lat + 1])
            true = np.radians(1) * (np.sin(north) - np.sin(south))
            assert area == pytest.approx(true, rel=2e-3)


def test_parallel_spans_are_drawn_apart() -> None:
    scene = make_scene(network((50, 8), (50, 12), spans=[(0, 1), (1, 0), (0, 1)]))
    middles = sorted(float(np.median(span.pieces[0][:, 1])) for span in scene.spans)
    widths = [span.width for span in scene.spans]
    assert min(np.diff(middles)) > max(widths)


def test_a_line_does_not_run_through_a_site_that_it_misses() -> None:
    scene = make_scene(network((0, 60), (0, 61), (0, 62), spans=[(0, 1), (1, 2), (0, 2)]))
    x, y = at(scene, "n1")
    long = next(span for span in scene.spans if span.id == "s2")
    way = long.pieces[0]
    assert np.hypot(way[:, 0] - x, way[:, 1] - y).min() > scene.sites[1].radius


def test_sites_of_one_town_are_drawn_apart() -> None:
    scene = make_scene(network((50, 8), (50, 8), (50, 8), (60, 9), spans=[(0, 1), (1, 2), (2, 3)]))
    for a, b in ((0, 1), (1, 2), (0, 2)):
        first, second = scene.sites[a], scene.sites[b]
        apart = np.hypot(first.x - second.x, first.y - second.y)
        assert apart >= first.radius + second.radius


@pytest.mark.parametrize("name", ["ai-backbone", "topozoo/AttMpls", "sndlib/germany50"])
def test_names_overlap_neither_each_other_nor_symbols(name: str) -> None:
    scene = make_scene(load_topology(name))
    assert len(scene.labels) > 0.8 * len(scene.sites)
    boxes = []
    for label in scene.labels:
        width = text_width_px(label.text)
        left = label.x + label.dx - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
        boxes.append(
            (label.site, left, label.y + label.dy - 5, left + width, label.y + label.dy + 5)
        )
    for i, (site, left, top, right, bottom) in enumerate(boxes):
        for _, l2, t2, r2, b2 in boxes[:i]:
            assert not (left < r2 and l2 < right and top < b2 and t2 < bottom)
        for mark in scene.sites:
            inside = left < mark.x < right and top < mark.y < bottom
            assert mark.id == site or not inside


def test_more_capacity_is_wider_and_conduits_have_letters() -> None:
    scene = make_scene(load_topology("ai-backbone"))
    widths = {span.rate_gbps: span.width for span in scene.spans}
    assert widths[800] > 1.3 * widths[400]
    assert [(c.name, c.letter, len(c.badges)) for c in scene.conduits] == [
        ("northern-rail", "A", 2), ("long-island-landing", "B", 2),
    ]  # fmt: skip


def test_land_is_where_it_is_and_not_under_planes() -> None:
    rings = land_rings()
    places = np.array([[10.0, 50.0], [-30.0, 45.0], [135.0, -25.0], [-150.0, 0.0]])
    assert [share_on_land(rings, place[None, :]) for place in places] == [1, 0, 1, 0]
    # Chukotka and Fiji lie across the antimeridian, Antarctica around the pole.
    places = np.array([[-172.0, 66.5], [178.0, 68.0], [178.0, -17.8], [0.0, -85.0]])
    assert share_on_land(rings, places) == 1
    assert share_on_land(rings, np.array([[-27.0, 66.8], [0.0, 70.0], [0.0, -16.5]])) == 0
    assert make_scene(load_topology("topozoo/AttMpls")).land
    for plane in ("gabriel/25/0", "gabriel/500/0", "gabriel:300", "torus:6x6"):
        assert not make_scene(load_topology(plane), MapOptions(labels=False)).land
    assert not make_scene(load_topology("topozoo/AttMpls"), MapOptions(land=False)).land


@pytest.mark.parametrize("meridian", [11.3, -150.0])
def test_a_world_map_has_as_much_land_as_the_world(meridian: float) -> None:
    areas = []
    for ring in flat_land(land_rings(), EqualEarth(meridian), (-9, -9, 9, 9)):
        x, y = ring.T
        areas.append(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)
    # 149 of 510 million km²; with ice shelves, which are land here, a little more.
    assert sum(areas) / (4 * np.pi) == pytest.approx(149 / 510, rel=0.02)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=3, max_size=12))
def test_clipping_stays_inside_and_keeps_what_is_inside(points: list[tuple[float, float]]) -> None:
    ring = np.array(points)
    clipped = clip(ring, (-1, -1, 1, 1))
    assert (np.abs(clipped) <= 1 + 1e-9).all()
    assert clip(ring, (-4, -4, 4, 4)) is ring


def test_a_continent_is_drawn_around_its_middle_and_the_world_is_cut_in_its_widest_gap() -> None:
    assert choose_projection(np.array([[0.0, 50.0], [20.0, 50.0]])).lon_deg == pytest.approx(10)  # type: ignore[attr-defined]
    world = choose_projection(np.array([[0.0, 0], [90.0, 0], [170.0, 0], [-100.0, 0]]))
    assert isinstance(world, EqualEarth)


@pytest.mark.parametrize(
    ("suffix", "magic"),
    [(".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".html", b"<!DOCTYPE html>")],
)
def test_every_format_is_written(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"map{suffix}"
    write_map(checked(triangle()), path)
    assert path.read_bytes().startswith(magic)


def test_the_same_topology_gives_the_same_picture() -> None:
    topology = load_topology("ai-backbone")
    assert svg_text(make_scene(topology)) == svg_text(make_scene(topology))


def test_names_are_text_whatever_they_are() -> None:
    data = triangle()
    data["sites"][0]["name"] = "</script><b>&\"'"
    scene = make_scene(checked(data), MapOptions(interactive=True))
    ET.fromstring(svg_text(scene))
    page = page_text(scene)
    assert "<b>" not in page
    assert page.count("</script>") == 2


def test_the_page_loads_nothing() -> None:
    page = page_text(make_scene(load_topology("ai-backbone"), MapOptions(interactive=True)))
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert not addresses
    assert not re.search(r"\b(src|href|@import|url\()\s*=?", page.replace("url(#", ""))
    assert len(page) < 600_000


def test_a_light_map_has_no_dark_rules() -> None:
    scene = make_scene(checked(triangle()))
    assert "prefers-color-scheme" in svg_text(scene)
    assert "prefers-color-scheme" not in svg_text(scene, Theme.LIGHT)


def test_the_command_writes_a_file_and_refuses_others(tmp_path: Path) -> None:
    out = tmp_path / "map.svg"
    done = CliRunner().invoke(map_, ["topozoo/AttMpls", "--out", str(out)])
    assert done.exit_code == 0
    assert "25 sites, 56 spans" in done.stderr
    assert out.read_text(encoding="utf-8").startswith("<svg")
    refused = CliRunner().invoke(map_, ["ai-backbone", "--out", str(tmp_path / "map.gif")])
    assert refused.exit_code == 2
    assert "must end in .svg, .png, .pdf, .html" in refused.stderr
    unwritable = CliRunner().invoke(map_, ["ai-backbone", "--out", str(tmp_path / "no" / "a.svg")])
    assert unwritable.exit_code == 2
    assert "cannot write" in unwritable.stderr
