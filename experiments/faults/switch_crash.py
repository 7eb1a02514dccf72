"""`switch-crash`: a switch's process dies with its rules; its light stays on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from experiments.faults.kind import Effect, FaultError, FaultFields, FaultKind, Occasion, Scene
from experiments.faults.node_down import spans_at, switch_names
from experiments.faults.tools import output
from topologies.spec import Topology


class SwitchCrash(FaultFields):
    """A switch stops forwarding and forgets its rules; the repair starts it again, empty."""

    kind: Literal["switch-crash"]
    switch: str


def _effects(fault: SwitchCrash, occasion: Occasion) -> Iterator[Effect]:
    name = fault.switch
    spans = [s.id for s in occasion.plan.spans if name in (s.a.switch, s.b.switch)]

    def confirm(_scene: Scene) -> None:
        if name in output(["ovs-vsctl", "list-br"]).split():
            raise FaultError(f"the crash had no effect: switch {name} is still there")

    def start(scene: Scene) -> None:
        scene.net[name].start([])
        if name not in output(["ovs-vsctl", "list-br"]).split():
            raise FaultError(f"switch {name} did not start again")

    yield Effect(
        names=("cut", "mend"),
        at_s=fault.at_s,
        until_s=fault.repair_at_s,
        spans=tuple(spans),
        act=lambda scene: scene.net[name].stop(deleteIntfs=False),
        undo=start,
        confirm=confirm,
    )


def _spans(fields: Mapping[str, Any], topology: Topology) -> Iterable[str]:
    return spans_at({str(fields.get("switch"))}, topology)


KIND = FaultKind(SwitchCrash, _effects, _spans, switch_names)
