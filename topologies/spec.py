"""What a network is: sites, spans and hosts, as a user writes them down.

Imports nothing of the project but the way problems are told. Units stand in
the names. See docs/reference/topology-file.md for the file format.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# A site is also the name of its switch, and Linux allows 15 characters there.
LONGEST_NAME = 15
# Hosts of one switch share a /24.
MOST_HOSTS = 250
SITE_ID = r"^[a-z][a-z0-9-]{0,14}$"
SPAN_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
JURISDICTION = r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"

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


class Transceiver(StrEnum):
    """The optics at both ends of a span; their reach is in `optics`."""

    GREY_LR4 = "grey-lr4"
    GREY_ER = "grey-er"
    ZR_400 = "400zr"
    ZR_PLUS_400 = "400zr+"
    ZR_800 = "800zr"
    ZR_PLUS_800 = "800zr+"
    LONG_HAUL = "long-haul"
    SUBSEA = "subsea"


class Placement(StrEnum):
    """How a fabric's leaves share the hosts of a site."""

    RACK = "rack"
    """Consecutive hosts are in one rack and hang on its leaf."""
    RAIL = "rail"
    """Consecutive GPUs are of one server and hang on a leaf each: leaf *k* is rail *k*."""


class SingleSwitch(Strict):
    """All hosts of the site hang on one switch."""

    kind: Literal["single"]


class LeafSpine(Strict):
    """A two-tier Clos fabric: every leaf has a link to every spine, and so has the site's border.

    The border switch bears the site's name and ends its fibre spans; the others are named
    `<site>-l<n>` (leaves) and `<site>-s<n>` (spines). GPUs are placed as `placement` says,
    other hosts always rack by rack.
    """

    kind: Literal["leaf-spine"]
    leaves: int = Field(ge=1, le=64)
    spines: int = Field(ge=1, le=32)
    placement: Placement = Placement.RACK
    rate_gbps: float = Field(default=800.0, gt=0)
    """Line rate of each link between two tiers, before scaling."""
    cable_m: float = Field(default=50.0, gt=0, le=2000)
    """Length of each link between two tiers, in metres of single-mode fibre."""


Fabric = Annotated[SingleSwitch | LeafSpine, Field(discriminator="kind")]


class HostGroup(Strict):
    """Hosts of one role at a site; they are named `<site>-<role><1..count>`."""

    role: HostRole
    count: int = Field(default=1, ge=1, le=10_000)
    rate_gbps: float = Field(default=400.0, gt=0)
    """Line rate of each host's access link, before scaling."""
    access_delay_us: float = Field(default=5.0, ge=0)
    """One-way delay between a host and its site's switch."""


class Site(Strict):
    """A place with its switches and its hosts."""

    id: SiteId
    name: str = Field(min_length=1)
    kind: SiteKind
    lat_deg: float = Field(ge=-90, le=90)
    lon_deg: float = Field(ge=-180, le=180)
    operator: str = ""
    """Who runs the site."""
    region: str = ""
    """A part of the world or of a cloud, such as `us-west`."""
    jurisdiction: str | None = Field(default=None, pattern=JURISDICTION)
    """Whose law holds: a country or subdivision code of ISO 3166, such as `SE` or `US-WA`."""
    power_price_usd_per_mwh: float | None = Field(default=None, ge=-1000, le=10_000)
    """Price of electricity, US dollars per MWh; it may be negative."""
    carbon_g_per_kwh: float | None = Field(default=None, ge=0, le=3000)
    """Carbon intensity of electricity, grams of CO2 equivalent per kWh."""
    fabric: Fabric = SingleSwitch(kind="single")
    hosts: tuple[HostGroup, ...] = ()


class Span(Strict):
    """A fibre route between two sites; parallel spans need different ids."""

    id: SpanId
    a: SiteId
    b: SiteId
    length_km: float | None = Field(default=None, gt=0, le=40_000)
    """Route length; without it, great circle × route factor."""
    route_factor: float | None = Field(default=None, ge=1.0, le=5.0)
    """Fibre route length divided by the great-circle distance; without it, the topology's."""
    fibre: FibreType = FibreType.SMF
    rate_gbps: float = Field(gt=0)
    transceiver: Transceiver | None = None
    amplifiers: int = Field(default=0, ge=0, le=1000)
    """Amplifier sites along the span."""
    conduits: tuple[str, ...] = ()
    """Ducts this span lies in; spans that share one are cut together (SRLG)."""
    base_loss: float = Field(default=0.0, ge=0, lt=1)
    """Share of packets that are lost at all times, in each direction."""
    delay_us: float | None = Field(default=None, gt=0, le=1e6)
    """One-way delay from `a` to `b`, where it is known; without it, length × fibre."""
    delay_back_us: float | None = Field(default=None, gt=0, le=1e6)
    """One-way delay from `b` to `a`, where it is another; without it, as from `a` to `b`."""


class Demand(Strict):
    """What one site's hosts send to another's on average, before scaling."""

    a: SiteId
    b: SiteId
    rate_gbps: float = Field(gt=0)


class Topology(Strict):
    """A network as it is written down: sites and the spans between them."""

    name: str = Field(min_length=1)
    description: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    """What an import had to assume or leave out; they are told with every use."""
    route_factor: float = Field(default=1.3, ge=1.0, le=5.0)
    """Fibre route length divided by the great-circle distance."""
    controller_site: SiteId | None = None
    """Where the controller stands; without it, the site with the smallest worst delay."""
    sites: tuple[Site, ...] = Field(min_length=1)
    spans: tuple[Span, ...] = ()
    demands: tuple[Demand, ...] = ()
    """A traffic matrix, where one is known; from `a` to `b`."""

    def site(self, site_id: str) -> Site:
        """The site of that id. Raises KeyError if there is none."""
        return {site.id: site for site in self.sites}[site_id]

    def span(self, span_id: str) -> Span:
        """The span of that id. Raises KeyError if there is none."""
        return {span.id: span for span in self.spans}[span_id]

    def with_fibre(self, fibre: FibreType) -> Topology:
        """The same network with all spans of one fibre; a span's declared delay stays."""
        spans = tuple(span.model_copy(update={"fibre": fibre}) for span in self.spans)
        return self.model_copy(update={"spans": spans})

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
