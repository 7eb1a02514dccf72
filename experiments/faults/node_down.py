"""`node-down` and `site-down`: a switch, or all of a site, is gone with all its spans."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from experiments.faults.control_channel import blocked
from experiments.faults.cutting import Visibility, cut
from experiments.faults.kind import Effect, FaultFields, FaultKind, Occasion
from topologies.fabric import border, fabric_links, inner_switches
from topologies.plan import PlannedSwitch
from topologies.spec import Topology


class NodeDown(FaultFields):
    """All spans of a switch are cut, and its control channel."""

    kind: Literal["node-down"]
    switch: str
    visibility: Visibility = Visibility.SILENT


class SiteDown(FaultFields):
    """All spans and cables of all switches of a site are cut, and their control channels."""

    kind: Literal["site-down"]
    site: str
    visibility: Visibility = Visibility.SILENT


def _node_effects(fault: NodeDown, occasion: Occasion) -> Iterator[Effect]:
    yield _down(fault, [occasion.plan.switch(fault.switch)], fault.visibility, occasion)


def _site_effects(fault: SiteDown, occasion: Occasion) -> Iterator[Effect]:
    switches = [switch for switch in occasion.plan.switches if switch.site == fault.site]
    yield _down(fault, switches, fault.visibility, occasion)


def _down(
    fault: FaultFields, switches: list[PlannedSwitch], visibility: Visibility, occasion: Occasion
) -> Effect:
    names = {switch.name for switch in switches}
    spans = [s for s in occasion.plan.spans if s.a.switch in names or s.b.switch in names]
    of_spans = cut(spans, visibility, fault.at_s, fault.repair_at_s)
    return of_spans.together_with(blocked(switches, fault.at_s, fault.repair_at_s))


def switches_of(topology: Topology) -> Iterator[str]:
    """All switches: of the sites, and of the fabrics in them."""
    for site in topology.sites:
        yield border(site)
        yield from inner_switches(site)


def spans_at(switches: Collection[str], topology: Topology) -> Iterator[str]:
    """The spans, and the fabrics' cables, that end at some of these switches."""
    for span in topology.spans:
        if span.a in switches or span.b in switches:
            yield span.id
    for site in topology.sites:
        for link in fabric_links(site):
            if link.a in switches or link.b in switches:
                yield link.id


def _node_spans(fields: Mapping[str, Any], topology: Topology) -> Iterable[str]:
    return spans_at({str(fields.get("switch"))}, topology)


def _site_spans(fields: Mapping[str, Any], topology: Topology) -> Iterable[str]:
    sites = [site for site in topology.sites if site.id == fields.get("site")]
    return spans_at({n for s in sites for n in (border(s), *inner_switches(s))}, topology)


def switch_names(topology: Topology) -> Mapping[str, Iterable[str]]:
    """For kinds whose field `switch` names a switch."""
    return {"switch": list(switches_of(topology))}


def _site_names(topology: Topology) -> Mapping[str, Iterable[str]]:
    return {"site": [site.id for site in topology.sites]}


NODE = FaultKind(NodeDown, _node_effects, _node_spans, switch_names)
SITE = FaultKind(SiteDown, _site_effects, _site_spans, _site_names)
