"""The classes of data that spans tell apart: one table for links, controller and workloads.

The field has a dozen service classes, each with code points of its own (DSCP, RFC 2474; RFC
4594 lists them). A backbone serves a few treatment aggregates of them (RFC 5127). Here
there are two, and beside them the link's own control, which hosts cannot get into: what they
mark as network control (CS6, CS7) is best effort, as RFC 4594, 3.2 wants it at a border.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

CONTROL_QUEUE = 0
"""The OpenFlow queue of BFD and LLDP; nothing else may be put there."""


@dataclass(frozen=True, slots=True)
class TrafficClass:
    """One class of data.

    queue: its OpenFlow queue at the ports of spans.
    label_class: the traffic class that stands for it in MPLS labels (3 bits, RFC 5462), since
    a DSCP below a label cannot be read; the L-LSPs and E-LSPs of RFC 3270 in the simplest form.
    dscp: how our generators mark packets of it. dscps: all code points that belong to it, by name.
    """

    name: str
    queue: int
    label_class: int
    dscp: int
    dscps: Mapping[str, int] = field(default_factory=dict)


INTERACTIVE = TrafficClass(
    name="interactive",
    queue=1,
    # The leading bits of EF and CS5, as routers by default write them into a label.
    label_class=5,
    dscp=46,
    # The Real-Time Treatment Aggregate (RFC 5127, 4.1.2); VA joined EF later (RFC 5865).
    dscps=MappingProxyType(
        {
            "EF": 46,  # telephony (RFC 3246)
            "VA": 44,  # admitted telephony (RFC 5865)
            "CS5": 40,  # signalling
            "CS4": 32,  # real-time interactive
            "AF41": 34,  # multimedia conferencing (RFC 2597)
            "AF42": 36,
            "AF43": 38,
            "CS3": 24,  # broadcast video
        }
    ),
)
BEST_EFFORT = TrafficClass(name="best-effort", queue=2, label_class=0, dscp=0)
"""All that belongs to no other class."""

TRAFFIC_CLASSES = (INTERACTIVE, BEST_EFFORT)
"""The first is served first."""
