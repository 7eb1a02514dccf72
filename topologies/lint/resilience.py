"""What one failure separates: bridges, articulation points, conduits (shared-risk link groups)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import networkx as nx

from topologies.lint.findings import Finding, Subject, listed
from topologies.spec import Span


def spans_that_separate(subject: Subject) -> Iterator[Finding]:
    """FC101: a bridge; its cut leaves two parts."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_edges_from((span.a, span.b) for span in subject.topology.spans)
    bridges = {frozenset(edge) for edge in nx.bridges(graph)}
    for index, span in enumerate(subject.topology.spans):
        ends = frozenset((span.a, span.b))
        if ends in bridges and len(subject.neighbours[span.a][span.b]) == 1:
            sides = _parts(subject, without_spans={span.id})
            yield Finding(
                "FC101",
                ("spans", index),
                f"cutting the span {span.id} separates {_told(sides)}",
                "add a second way around it, or accept that this cut cannot be healed",
            )


def sites_that_separate(subject: Subject) -> Iterator[Finding]:
    """FC102: an articulation point; its failure leaves several parts of the others."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_edges_from((span.a, span.b) for span in subject.topology.spans)
    for site in sorted(nx.articulation_points(graph), key=subject.site_index.__getitem__):
        sides = _parts(subject, without_site=site)
        yield Finding(
            "FC102",
            ("sites", subject.site_index[site]),
            f"if the site {site} fails, it separates {_told(sides)}",
            "connect them by a span that does not touch this site",
        )


def conduits_that_separate(subject: Subject) -> Iterator[Finding]:
    """FC103 and FC104: what lies in one trench."""
    index = {span.id: number for number, span in enumerate(subject.topology.spans)}
    for name, spans in _conduits(subject).items():
        place = ("spans", index[spans[0].id], "conduits")
        if len(spans) == 1:
            yield Finding(
                "FC104",
                place,
                f"the conduit {name} holds only the span {spans[0].id}",
                "name the other spans that lie in it, or leave it out",
            )
        elif not _is_connected(subject, {span.id for span in spans}):
            sides = _parts(subject, without_spans={span.id for span in spans})
            yield Finding(
                "FC103",
                place,
                f"cutting the conduit {name} ({listed([span.id for span in spans])}) "
                f"separates {_told(sides)}",
                "lay one of the spans in another trench, or add a way around",
            )


def _conduits(subject: Subject) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in subject.topology.spans:
        for name in dict.fromkeys(span.conduits):
            found.setdefault(name, []).append(span)
    return found


def _is_connected(subject: Subject, without_spans: Collection[str]) -> bool:
    """Union-find over the spans that are left: near linear, once for each conduit."""
    parent = dict(zip(subject.sites, subject.sites, strict=True))

    def root(site: str) -> str:
        while parent[site] != site:
            parent[site] = parent[parent[site]]
            site = parent[site]
        return site

    parts = len(parent)
    for span in subject.topology.spans:
        if span.id in without_spans:
            continue
        a, b = root(span.a), root(span.b)
        if a != b:
            parent[a] = b
            parts -= 1
            if parts == 1:
                return True
    return parts <= 1


def _parts(
    subject: Subject, without_spans: Collection[str] = (), without_site: str | None = None
) -> list[list[str]]:
    """The connected parts that are left, the largest first; sites in the file's order."""
    seen = {without_site} if without_site else set()
    gone = [span for span in subject.topology.spans if span.id in without_spans]
    pairs = {pair for span in gone for pair in ((span.a, span.b), (span.b, span.a))}
    cut = {(a, b) for a, b in pairs if all(s.id in without_spans for s in subject.neighbours[a][b])}
    parts = []
    for start in subject.sites:
        if start not in seen:
            part = set(_reached(subject, start, seen, cut))
            parts.append([site for site in subject.sites if site in part])
    return sorted(parts, key=len, reverse=True)


def _reached(
    subject: Subject, start: str, seen: set[str], cut: Collection[tuple[str, str]]
) -> Iterable[str]:
    waiting = [start]
    seen.add(start)
    while waiting:
        site = waiting.pop()
        yield site
        for other in subject.neighbours[site]:
            if other not in seen and (site, other) not in cut:
                seen.add(other)
                waiting.append(other)


def _told(parts: list[list[str]]) -> str:
    """Every part but the largest by name, and the size of the largest."""
    lesser = "; ".join(listed(part) for part in parts[1:])
    rest = parts[0]
    if len(rest) <= 3:
        return f"{lesser} from {listed(rest)}"
    return f"{lesser} from the other {len(rest)} sites ({listed(rest[:3])}, …)"
