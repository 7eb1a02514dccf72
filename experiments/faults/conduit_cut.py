"""`conduit-cut`: all spans of a conduit at once, the excavator's experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from experiments.faults.cutting import Visibility, cut
from experiments.faults.kind import Effect, FaultFields, FaultKind, Occasion
from topologies.spec import Topology


class ConduitCut(FaultFields):
    """All spans of a conduit are cut at once: the excavator's experiment."""

    kind: Literal["conduit-cut"]
    conduit: str
    visibility: Visibility = Visibility.SILENT


def _effects(fault: ConduitCut, occasion: Occasion) -> Iterator[Effect]:
    spans = [span for span in occasion.plan.spans if fault.conduit in span.conduits]
    yield cut(spans, fault.visibility, fault.at_s, fault.repair_at_s)


def _spans(fields: Mapping[str, Any], topology: Topology) -> Iterable[str]:
    return [span.id for span in topology.conduits().get(str(fields.get("conduit")), ())]


def _names(topology: Topology) -> Mapping[str, Iterable[str]]:
    return {"conduit": list(topology.conduits())}


KIND = FaultKind(ConduitCut, _effects, _spans, _names)
