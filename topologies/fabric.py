"""What a site looks like inside: its switches, the links between them, and who hangs where.

Pure: from a site's description to names. A site with a single switch has that switch alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from topologies.spec import HostGroup, HostRole, LeafSpine, Placement, Site, host_names


@dataclass(frozen=True, slots=True)
class FabricLink:
    """A link between two switches of a site; `id` is unique as a span's is."""

    id: str
    a: str
    b: str
    rate_gbps: float
    length_km: float


def border(site: Site) -> str:
    """The switch at which a site's fibre spans end; it bears the site's name."""
    return site.id


def inner_switches(site: Site) -> list[str]:
    """The switches behind the border: leaves, then spines."""
    if not isinstance(site.fabric, LeafSpine):
        return []
    return [*_leaves(site.id, site.fabric), *_spines(site.id, site.fabric)]


def fabric_links(site: Site) -> Iterator[FabricLink]:
    """The links inside a site: each spine with the border and with every leaf."""
    fabric = site.fabric
    if not isinstance(fabric, LeafSpine):
        return
    for spine in _spines(site.id, fabric):
        for lower in (border(site), *_leaves(site.id, fabric)):
            yield FabricLink(
                f"{lower}-{spine}", lower, spine, fabric.rate_gbps, fabric.cable_m / 1000
            )


def hosts_by_switch(site: Site) -> Iterator[tuple[str, HostGroup, str]]:
    """(host, its group, the switch that it hangs on) for every host of a site."""
    named = host_names(site)
    fabric = site.fabric
    if not isinstance(fabric, LeafSpine):
        yield from ((name, group, border(site)) for name, group in named)
        return
    leaves = list(_leaves(site.id, fabric))
    by_rail = fabric.placement is Placement.RAIL
    railed = [n for n, group in named if by_rail and group.role is HostRole.GPU]
    racked = [n for n, group in named if n not in set(railed)]
    place = {name: leaves[index % len(leaves)] for index, name in enumerate(railed)}
    place |= {name: leaves[i * len(leaves) // len(racked)] for i, name in enumerate(racked)}
    yield from ((name, group, place[name]) for name, group in named)


def _leaves(site: str, fabric: LeafSpine) -> Iterator[str]:
    return (f"{site}-l{number}" for number in range(1, fabric.leaves + 1))


def _spines(site: str, fabric: LeafSpine) -> Iterator[str]:
    return (f"{site}-s{number}" for number in range(1, fabric.spines + 1))
