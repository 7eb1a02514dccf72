"""What a map tells about a site or a span when it is pointed at."""

from __future__ import annotations

from collections.abc import Mapping

from topologies.maps.scene import Facts
from topologies.physics import span_delay_us, span_length_km
from topologies.spec import Site, Span, Topology

_LONGEST_NAME = 26


def short_name(name: str) -> str:
    """A name that is not too long for a label: `Quincy, Washington` is `Quincy`."""
    first = name.partition(",")[0].strip() or name
    return first if len(first) <= _LONGEST_NAME else first[: _LONGEST_NAME - 1].rstrip() + "…"


def of_site(site: Site) -> Facts:
    """Name, kind and whatever else is known about a site."""
    hosts = ", ".join(f"{group.count} {group.role.value}" for group in site.hosts)
    price, carbon = site.power_price_usd_per_mwh, site.carbon_g_per_kwh
    told = {
        "site": f"{site.name} ({site.id})",
        "kind": site.kind.value,
        "operator": site.operator,
        "region": site.region,
        "jurisdiction": site.jurisdiction or "",
        "hosts": hosts,
        "fabric": "" if site.fabric.kind == "single" else site.fabric.kind,
        "power": "" if price is None else f"{price:g} $/MWh",
        "carbon": "" if carbon is None else f"{carbon:g} g CO₂/kWh",
        "at": f"{site.lat_deg:.3f}°, {site.lon_deg:.3f}°",
    }
    return tuple((word, value) for word, value in told.items() if value)


def of_span(topology: Topology, span: Span, names: Mapping[str, str]) -> Facts:
    """Ends, rate, fibre, length, delay and whatever else is known; names: the sites' by id."""
    told = {
        "span": span.id,
        "between": f"{names[span.a]} and {names[span.b]}",
        "rate": rate_text(span.rate_gbps),
        "fibre": fibre_text(span.fibre.value),
        "length": f"{span_length_km(topology, span):,.0f} km",
        "delay": f"{span_delay_us(topology, span) / 1000:.3f} ms one way",
        "optics": span.transceiver.value if span.transceiver else "",
        "amplifiers": str(span.amplifiers) if span.amplifiers else "",
        "conduits": ", ".join(span.conduits),
        "loss": f"{span.base_loss:.3g}" if span.base_loss else "",
    }
    return tuple((word, value) for word, value in told.items() if value)


def rate_text(rate_gbps: float) -> str:
    """A rate as people write it: `800 Gbit/s`, `2.4 Tbit/s`."""
    for factor, unit in ((1000, "T"), (1, "G"), (0.001, "M")):
        if rate_gbps >= factor:
            return f"{rate_gbps / factor:.4g} {unit}bit/s"
    return f"{rate_gbps * 1e6:.4g} kbit/s"


def fibre_text(fibre: str) -> str:
    """A fibre type in words."""
    return {"smf": "single-mode fibre", "hcf": "hollow-core fibre"}.get(fibre, fibre)
