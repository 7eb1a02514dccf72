"""The catalogue's pages: each topology has one, and its figures are those of the topology."""

from __future__ import annotations

import pytest

from experiments.catalogue_pages import MAPS, PAGES, PARAMETRIC, map_files, page_names, page_text
from tests.unit.topology_samples import checked, triangle
from topologies.facts import facts_of
from topologies.spec import FibreType


@pytest.mark.parametrize("name", page_names())
def test_the_page_is_current(name: str) -> None:
    """Else: python -m experiments.catalogue_pages."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert page_text(name, text) == text


def test_every_picture_is_there_and_shown() -> None:
    """Else: python -m experiments.catalogue_pages."""
    shown = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.md"))
    for picture in map_files().values():
        assert (MAPS / picture).is_file()
        assert f"(../images/catalogue/{picture})" in shown
    assert {path.name for path in MAPS.iterdir()} == set(map_files().values())


def test_a_page_without_its_marks_is_told() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        page_text(PARAMETRIC, "# Topologies by formula\n")


def test_what_stands_around_the_facts_stays() -> None:
    text = (PAGES / "hybrid.md").read_text(encoding="utf-8")
    stale = text.replace("| switches | 9 |", "| switches | 8 |")
    assert stale != text
    assert page_text("hybrid", stale) == text


def test_facts_count_sites_hosts_and_fibre() -> None:
    data = triangle()
    data["spans"][0]["fibre"] = "hcf"
    facts = facts_of(checked(data))
    assert facts.sites == {"pop": 3}
    assert facts.hosts == {"gpu": 2, "user": 1}
    assert facts.fibre_km == {FibreType.HCF: 100, FibreType.SMF: 1200}
    assert (facts.shortest_km, facts.longest_km) == (100, 1000)
    # From a over b to c: 100 km of hollow core and 200 km of glass.
    assert facts.farthest_ms == pytest.approx((100 * 3.35 + 200 * 4.90) / 1000)
    assert facts.power_usd_per_mwh is None
