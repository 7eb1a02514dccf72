"""Fibre: from a route on the globe to a delay.

Group delay per kilometre is n/c. SMF: n = 1.468 (ITU-T G.652 fibre at 1550 nm),
4.90 µs/km. Hollow core: n ≈ 1.003, 3.35 µs/km (published nested antiresonant
hollow-core fibre).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from topologies.spec import FibreType, Site, Span, Topology

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
DELAY_US_PER_KM: Mapping[FibreType, float] = {FibreType.SMF: 4.90, FibreType.HCF: 3.35}
# Two sites of one city may have equal coordinates; a fibre between them has a length.
SHORTEST_KM = 1.0


def great_circle_km(a: Site, b: Site) -> float:
    """Distance in km on a sphere of the Earth's mean radius (haversine formula)."""
    phi_a, phi_b = math.radians(a.lat_deg), math.radians(b.lat_deg)
    half_dphi = (phi_b - phi_a) / 2
    half_dlambda = math.radians(b.lon_deg - a.lon_deg) / 2
    chord = (
        math.sin(half_dphi) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_dlambda) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def span_length_km(topology: Topology, span: Span) -> float:
    """The declared route length in km, or great circle × route factor."""
    if span.length_km is not None:
        return span.length_km
    direct = great_circle_km(topology.site(span.a), topology.site(span.b))
    return max(SHORTEST_KM, direct * (span.route_factor or topology.route_factor))


def fibre_delay_us(length_km: float, fibre: FibreType) -> float:
    """One-way propagation delay of a length of fibre in µs."""
    return length_km * DELAY_US_PER_KM[fibre]


def span_delay_us(topology: Topology, span: Span) -> float:
    """One-way delay of a span from `a` to `b` in µs: the declared one, or the fibre's."""
    if span.delay_us is not None:
        return span.delay_us
    return fibre_delay_us(span_length_km(topology, span), span.fibre)


def drain_ms(buffer_bytes: float, rate_gbps: float) -> float:
    """How long a full buffer takes to drain at line rate, in ms."""
    return buffer_bytes * 8 / (rate_gbps * 1e6)
