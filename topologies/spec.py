"""What a network is: sites, spans and hosts, as a user writes them down.

Imports nothing of the project but the way problems are told. Units stand in
the names. See docs/reference/topology-file.md for the file format.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# A site is also the name of its switch, and Linux allows 15 characters there.
SITE_ID = r"^[a-z][a-z0-9-]{0,14}$"
SPAN_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"

SiteId = Annotated[str, Field(pattern=SITE_ID)]
SpanId = Annotated[str, Field(pattern=SPAN_ID)]


class Strict(BaseModel):
    """A frozen record: unknown fields, infinities and silent conversions are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class SiteKind(StrEnum):
    """What a site is for."""

    CAMPUS = "campus"
    METRO = "metro"
    EDGE = "edge"
    CLOUD = "cloud"
    ENTERPRISE = "enterprise"
    POP = "pop"


class HostRole(StrEnum):
    """What a host does in the workloads."""

    GPU = "gpu"
    INFERENCE = "inference"
    USER = "user"
    STORAGE = "storage"
    TOOL = "tool"
    HOST = "host"


class FibreType(StrEnum):
    """Standard single-mode or hollow-core fibre."""

    SMF = "smf"
    HCF = "hcf"


class HostGroup(Strict):
    """Hosts of one role at a site; they are named `<site>-<role><1..count>`."""

    role: HostRole
    count: int = Field(default=1, ge=1, le=250)
    rate_gbps: float = Field(default=400.0, gt=0)
    """Line rate of each host's access link, before scaling."""
    access_delay_us: float = Field(default=5.0, ge=0)
    """One-way delay between a host and its site's switch."""


class Site(Strict):
    """A place with its switch and its hosts."""

    id: SiteId
    name: str = Field(min_length=1)
    kind: SiteKind
    lat_deg: float = Field(ge=-90, le=90)
    lon_deg: float = Field(ge=-180, le=180)
    hosts: tuple[HostGroup, ...] = ()


class Span(Strict):
    """A fibre route between two sites; parallel spans need different ids."""

    id: SpanId
    a: SiteId
    b: SiteId
    length_km: float | None = Field(default=None, gt=0, le=40_000)
    """Route length; without it, great circle × the topology's route_factor."""
    fibre: FibreType = FibreType.SMF
    rate_gbps: float = Field(gt=0)
    conduits: tuple[str, ...] = ()
    """Ducts this span lies in; spans that share one are cut together (SRLG)."""


class Topology(Strict):
    """A network as it is written down: sites and the spans between them."""

    name: str = Field(min_length=1)
    description: str = ""
    source: str = ""
    route_factor: float = Field(default=1.3, ge=1.0, le=5.0)
    """Fibre route length divided by the great-circle distance."""
    controller_site: SiteId | None = None
    """Where the controller stands; without it, the site with the smallest worst delay."""
    sites: tuple[Site, ...] = Field(min_length=1)
    spans: tuple[Span, ...] = ()

    def site(self, site_id: str) -> Site:
        """The site of that id. Raises KeyError if there is none."""
        return {site.id: site for site in self.sites}[site_id]

    def span(self, span_id: str) -> Span:
        """The span of that id. Raises KeyError if there is none."""
        return {span.id: span for span in self.spans}[span_id]

    def conduits(self) -> dict[str, tuple[Span, ...]]:
        """Each conduit's name with the spans that lie in it, in the file's order."""
        names = dict.fromkeys(conduit for span in self.spans for conduit in span.conduits)
        return {name: tuple(s for s in self.spans if name in s.conduits) for name in names}


def host_names(site: Site) -> list[tuple[str, HostGroup]]:
    """The hosts of a site by name, each with the group that it belongs to."""
    numbers: dict[HostRole, int] = {}
    named = []
    for group in site.hosts:
        for _ in range(group.count):
            numbers[group.role] = numbers.get(group.role, 0) + 1
            named.append((f"{site.id}-{group.role.value}{numbers[group.role]}", group))
    return named
