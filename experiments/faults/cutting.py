"""How spans are cut and mended: silently, or with the ends' carrier.

A silent cut drops every packet that arrives at an end of the span, so that the packets
in flight are lost and neither end is told. With visibility `carrier` both ends lose their
link as well: they become dormant (RFC 2863), which Linux and Open vSwitch tell as «no
carrier». They are not taken down, as an administrator would do it: a controller may take a
port up again (Ryu's spanning tree does, with each message about it), and mends no fibre.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum

from experiments.faults.kind import Effect, FaultError, Scene
from experiments.faults.tools import (
    batch,
    drop_arriving,
    dropped_packets,
    ends,
    output,
    pass_again,
)
from topologies.plan import PlannedSpan

NAMES = ("cut", "mend")


class Visibility(StrEnum):
    """How the ends of a cut span can notice."""

    SILENT = "silent"
    CARRIER = "carrier"


def cut(
    spans: Sequence[PlannedSpan],
    visibility: Visibility,
    at_s: float,
    until_s: float | None,
    towards: str | None = None,
) -> Effect:
    """Some spans cut together. towards: only what arrives at this switch is lost."""
    if visibility is Visibility.CARRIER:
        return _without_carrier(spans, at_s, until_s)
    devices = ends(spans)
    if towards is not None:
        devices = [span.port_at(towards).interface for span in spans]

    def confirm(_scene: Scene) -> None:
        for device in devices:
            if not dropped_packets(device):
                raise FaultError(f"the cut had no effect: nothing was dropped at {device}")

    return Effect(
        names=NAMES,
        at_s=at_s,
        until_s=until_s,
        spans=tuple(span.id for span in spans),
        act=lambda _scene: drop_arriving(devices),
        undo=lambda _scene: pass_again(devices),
        confirm=confirm,
    )


def _without_carrier(spans: Sequence[PlannedSpan], at_s: float, until_s: float | None) -> Effect:
    devices = ends(spans)

    def turn(state: str) -> None:
        batch("ip", [f"link set dev {device} state {state}" for device in devices])

    def act(_scene: Scene) -> None:
        drop_arriving(devices)
        turn("dormant")

    def undo(_scene: Scene) -> None:
        pass_again(devices)
        turn("up")

    def confirm(_scene: Scene) -> None:
        for device in devices:
            links = json.loads(output(["ip", "-j", "link", "show", "dev", device]))
            if links[0]["operstate"] == "UP":
                raise FaultError(f"the cut had no effect: {device} still has its carrier")

    return Effect(
        names=NAMES,
        at_s=at_s,
        until_s=until_s,
        spans=tuple(span.id for span in spans),
        act=act,
        undo=undo,
        confirm=confirm,
    )
