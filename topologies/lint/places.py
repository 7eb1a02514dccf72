"""What the sites say about themselves, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from topologies.lint.findings import Finding, Subject, listed


def sites_at_one_place(subject: Subject) -> Iterator[Finding]:
    """FC501: equal coordinates are often a default or a copy."""
    at: dict[tuple[float, float], list[str]] = defaultdict(list)
    for site in subject.topology.sites:
        at[site.lat_deg, site.lon_deg].append(site.id)
    for (lat, lon), names in at.items():
        if len(names) > 1:
            yield Finding(
                "FC501",
                ("sites", subject.site_index[names[1]]),
                f"{listed(names)} stand at the same place, {lat:g}° {lon:g}°",
                "correct one, or leave it if they share a town and their spans have lengths",
            )


def jurisdictions_missing(subject: Subject) -> Iterator[Finding]:
    """FC502: a policy that keeps data in its jurisdiction cannot place a site without one."""
    without = [site.id for site in subject.topology.sites if site.jurisdiction is None]
    if without and len(without) < len(subject.topology.sites):
        yield Finding(
            "FC502",
            ("sites", subject.site_index[without[0]]),
            f"{listed(without)} tell no jurisdiction, and "
            f"{len(subject.topology.sites) - len(without)} other sites do",
            "add jurisdiction (ISO 3166, such as SE or US-WA)",
        )
