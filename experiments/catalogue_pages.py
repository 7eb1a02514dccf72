"""Keep docs/catalogue true: `python -m experiments.catalogue_pages`.

A page is written by hand, but for the part between its two marks: its map and a table of facts,
made of the topology itself. The maps are drawn anew. With `--check` nothing is written, and the
exit status is 1 if a page is not current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx as nx

from topologies.facts import TopologyFacts, facts_of
from topologies.lint import lint
from topologies.load import catalogue_names, load_topology
from topologies.maps import write_map
from topologies.parametric import FAMILIES, Family
from topologies.plan import make_plan
from topologies.spec import Topology

PAGES = Path(__file__).resolve().parents[1] / "docs" / "catalogue"
MAPS = PAGES.parent / "images" / "catalogue"
PARAMETRIC = "parametric"
# Lint's codes for a span and a conduit whose cut separates sites.
_CUTS = ("FC101", "FC103")
_BEGIN, _END = "<!-- facts: python -m experiments.catalogue_pages -->", "<!-- end of facts -->"


def page_text(name: str, text: str) -> str:
    """A page with its facts as they are now. Raises ValueError without the two marks."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page of {name} needs the lines {_BEGIN} and {_END}")
    facts = _families() if name == PARAMETRIC else _facts(name)
    return before + "\n".join([_BEGIN, "", *facts, "", _END]) + after


def page_names() -> list[str]:
    """All pages: one for each topology of the catalogue, and one for the formulas."""
    return [*catalogue_names(), PARAMETRIC]


def _facts(name: str) -> Iterator[str]:
    topology = load_topology(name)
    facts = facts_of(topology)
    yield f"![Map of {name}](../images/catalogue/{name}.svg)"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for word, value in _rows(facts):
        yield f"| {word} | {value} |"
    yield ""
    yield from _cuts(topology)


def _rows(facts: TopologyFacts) -> Iterator[tuple[str, str]]:
    yield "sites", _counted(facts.sites)
    yield "hosts", _counted(facts.hosts)
    yield "switches", str(facts.switches)
    yield "spans", str(facts.spans)
    if facts.fabric_links:
        yield "links inside fabrics", str(facts.fabric_links)
    yield "shared conduits", f"{facts.conduits}, with {facts.spans_in_conduits} of the spans"
    fibre = ", ".join(f"{km:,.0f} km {kind.value}" for kind, km in facts.fibre_km.items())
    yield "fibre", f"{fibre}; spans of {facts.shortest_km:,.0f} to {facts.longest_km:,.0f} km"
    yield "optics", f"{_counted(facts.optics)}; {facts.amplifiers} amplifier sites"
    yield "farthest sites", f"{facts.farthest_ms:.1f} ms apart, one way"
    yield "jurisdictions", ", ".join(facts.jurisdictions)
    for word, unit, limits in (
        ("power", "$/MWh", facts.power_usd_per_mwh),
        ("carbon", "g/kWh", facts.carbon_g_per_kwh),
    ):
        if limits:
            low, high = limits
            yield word, f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"


def _counted(counts: Mapping[str, int]) -> str:
    parts = ", ".join(f"{number} {word}" for word, number in counts.items())
    return f"{sum(counts.values())}: {parts}"


def _cuts(topology: Topology) -> Iterator[str]:
    found = [finding for finding in lint(topology) if finding.code in _CUTS]
    if not found:
        yield "No single cut, of a span or of a conduit, separates any site."
        return
    yield "One cut separates sites here:"
    yield ""
    yield from (f"- {finding.reason}" for finding in found)


def _families() -> Iterator[str]:
    yield "| formula | parameters | example | switches | hosts | spans | diameter |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for family in FAMILIES.values():
        topology = load_topology(family.example)
        plan = make_plan(topology)
        graph = nx.Graph((span.a, span.b) for span in topology.spans)
        cells = [
            f"`{family.name}`: {family.summary}", _parameters(family), f"`{family.example}`",
            len(plan.switches), len(plan.hosts), len(plan.spans), nx.diameter(graph),
        ]  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"
    yield ""
    files = map_files()
    for family in FAMILIES.values():
        yield f"![{family.example}](../images/catalogue/{files[family.example]})"


def _parameters(family: Family) -> str:
    words = []
    for parameter in family.parameters:
        default = "" if parameter.default is None else f", default {parameter.default}"
        limits = f"{parameter.least} to {parameter.most}{', even' if parameter.even else ''}"
        words.append(f"`{parameter.name}`: {parameter.meaning} ({limits}{default})")
    return "; ".join(words)


def main(arguments: list[str]) -> int:
    """Draw the maps and write the pages that are not current; with `--check` only tell them."""
    stale = []
    for name in page_names():
        path = PAGES / f"{name}.md"
        text = path.read_text(encoding="utf-8")
        current = page_text(name, text)
        if current != text:
            stale.append((path, current))
            print(path)
    if "--check" in arguments:
        return 1 if stale else 0
    for path, current in stale:
        path.write_text(current, encoding="utf-8")
    MAPS.mkdir(exist_ok=True)
    for name, file_name in map_files().items():
        write_map(load_topology(name), MAPS / file_name)
    return 0


def map_files() -> dict[str, str]:
    """The topologies that are drawn for the pages, each with its picture's name."""
    drawn = [*catalogue_names(), *(family.example for family in FAMILIES.values())]
    return {name: re.sub(r"[^\w-]+", "-", name) + ".svg" for name in drawn}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
