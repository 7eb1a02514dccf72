"""A finding, the codes there are, and what a check is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from topologies.physics import span_length_km
from topologies.problems import Location
from topologies.spec import Site, Span, Topology

_MOST_NAMED = 6


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    """Likely a mistake, or a weakness that a cut would show."""
    ADVICE = "advice"
    """Worth a look; often on purpose."""


# What each code says. They never change their meaning; new ones get new numbers.
CODES: Mapping[str, tuple[Severity, str]] = {
    "FC101": (Severity.WARNING, "one span's cut separates sites"),
    "FC102": (Severity.WARNING, "one site's failure separates other sites"),
    "FC103": (Severity.WARNING, "one conduit's cut separates sites"),
    "FC104": (Severity.ADVICE, "a conduit holds a single span"),
    "FC201": (Severity.WARNING, "amplifiers too far apart for the optics"),
    "FC202": (Severity.WARNING, "longer than the optics reach"),
    "FC203": (Severity.ADVICE, "near the end of the optics' reach"),
    "FC204": (Severity.WARNING, "line rate above what the optics carry"),
    "FC205": (Severity.ADVICE, "very long, and no optics and no amplifiers told"),
    "FC206": (Severity.WARNING, "hollow-core fibre under the sea"),
    "FC207": (Severity.WARNING, "amplifiers with optics that are not amplified"),
    "FC211": (Severity.WARNING, "delay shorter than light needs"),
    "FC212": (Severity.WARNING, "delay many times longer than the fibre's"),
    "FC213": (Severity.ADVICE, "delays of the two ways differ"),
    "FC214": (Severity.WARNING, "length shorter than the great circle"),
    "FC215": (Severity.ADVICE, "length many times the great circle"),
    "FC301": (Severity.ADVICE, "hosts can send more than the site's spans carry"),
    "FC302": (Severity.ADVICE, "a leaf's hosts can send more than its links carry"),
    "FC303": (Severity.ADVICE, "the site's spans carry more than its fabric"),
    "FC304": (Severity.WARNING, "demands on shortest paths exceed a span's rate"),
    "FC401": (Severity.WARNING, "below 1 Mbit/s after scaling"),
    "FC402": (Severity.WARNING, "above 100 Gbit/s after scaling"),
    "FC403": (Severity.WARNING, "one packet on the wire outlasts BFD"),
    "FC404": (Severity.WARNING, "BFD takes much of the span"),
    "FC405": (Severity.ADVICE, "BFD notices sooner than the span's delay"),
    "FC501": (Severity.ADVICE, "sites at the same place"),
    "FC502": (Severity.ADVICE, "jurisdiction missing where others have one"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong.

    where: its place in the topology, such as ("spans", 3, "length_km").
    reason: what was found, with figures. advice: what to do.
    """

    code: str
    where: Location
    reason: str
    advice: str

    @property
    def severity(self) -> Severity:
        """By its code."""
        return CODES[self.code][0]

    @property
    def title(self) -> str:
        """What the code says."""
        return CODES[self.code][1]


@dataclass(frozen=True, slots=True)
class LintSettings:
    """How the topology will be emulated: a scenario's scale and BFD."""

    scale: float = 10_000.0
    bfd_interval_ms: float = 10.0
    bfd_multiplier: int = 3


class Subject:
    """A topology with what several checks need of it, looked up once."""

    def __init__(self, topology: Topology, settings: LintSettings) -> None:
        self.topology = topology
        self.settings = settings

    @cached_property
    def sites(self) -> dict[str, Site]:
        """The sites by id."""
        return {site.id: site for site in self.topology.sites}

    @cached_property
    def site_index(self) -> dict[str, int]:
        """Each site's number in the file."""
        return {site.id: index for index, site in enumerate(self.topology.sites)}

    @cached_property
    def lengths_km(self) -> dict[str, float]:
        """Each span's length."""
        return {span.id: span_length_km(self.topology, span) for span in self.topology.spans}

    @cached_property
    def neighbours(self) -> dict[str, dict[str, list[Span]]]:
        """Site to neighbouring sites, each with the spans between them."""
        found: dict[str, dict[str, list[Span]]] = {site: {} for site in self.sites}
        for span in self.topology.spans:
            found[span.a].setdefault(span.b, []).append(span)
            found[span.b].setdefault(span.a, []).append(span)
        return found


def listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
