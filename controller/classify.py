"""The first table: which class of data a packet is of.

A packet's class is found once at each switch, before anything else, and kept in two places
until it leaves: its queue (OpenFlow's `set_queue`), whatever port that will be, and a
register with the class as labels have it. So the rules after it know nothing of classes,
their number does not grow with them, and a repair that nobody foresees when the packet is
classified treats it as its path would have. A label that is pushed gets its traffic class
from the register (`COPY_CLASS`); the next switch, which cannot read the DSCP below the
label, finds the class there.

Without this Open vSwitch fills a new label's traffic class with the last three bits of the
DSCP, in which EF (101110) is the same as AF43, and CS5 (101000) as best effort.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.rules import (
    ETH_IPV4,
    ETH_MPLS,
    CopyField,
    Flow,
    FlowKey,
    Match,
    SetField,
    SetQueue,
    Table,
)
from topologies.plan import NetworkPlan
from topologies.traffic_classes import BEST_EFFORT, TRAFFIC_CLASSES, TrafficClass

_REGISTER = "reg0"
_LABEL_CLASS_BITS = 3
COPY_CLASS = CopyField(_REGISTER, "mpls_tc", _LABEL_CLASS_BITS)
"""Give the label on top the class that the packet was found to be of."""
_CHOSEN, _OTHERS = 100, 0


def serves_classes(plan: NetworkPlan) -> bool:
    """Whether any span tells classes of data apart."""
    return any(span.classes for span in plan.spans)


def classifying(plan: NetworkPlan) -> Iterator[Flow]:
    """The flows of the first table; all go on to the next."""
    others = FlowKey(Table.CLASSES, _OTHERS, Match())
    if not serves_classes(plan):
        yield Flow(others, (), Table.LABELS)
        return
    yield Flow(others, (SetQueue(BEST_EFFORT.queue),), Table.LABELS)
    for chosen in TRAFFIC_CLASSES:
        if chosen is not BEST_EFFORT:
            yield from _choosing(chosen)


def _choosing(chosen: TrafficClass) -> Iterator[Flow]:
    matches = [Match(eth_type=ETH_IPV4, ip_dscp=dscp) for dscp in chosen.dscps.values()]
    matches.append(Match(eth_type=ETH_MPLS, mpls_tc=chosen.label_class))
    actions = (SetQueue(chosen.queue), SetField(_REGISTER, chosen.label_class))
    for match in matches:
        yield Flow(FlowKey(Table.CLASSES, _CHOSEN, match), actions, Table.LABELS)
