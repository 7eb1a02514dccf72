"""`controller-down`: the controller dies, or hangs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Literal

from experiments.faults.kind import Effect, FaultFields, FaultKind, Occasion
from topologies.spec import Topology


class Manner(StrEnum):
    """How the controller stops working."""

    CRASH = "crash"
    HANG = "hang"


class ControllerDown(FaultFields):
    """The controller dies at once (and is started anew), or stands still (and goes on)."""

    kind: Literal["controller-down"]
    how: Manner = Manner.CRASH


def _effects(fault: ControllerDown, _occasion: Occasion) -> Iterator[Effect]:
    crash = fault.how is Manner.CRASH
    yield Effect(
        names=("controller-down", "controller-up"),
        at_s=fault.at_s,
        until_s=fault.repair_at_s,
        spans=(),
        act=lambda scene: scene.controller.crash() if crash else scene.controller.hang(),
        undo=lambda scene: scene.controller.start_again() if crash else scene.controller.go_on(),
        confirm=lambda scene: scene.controller.check_down(),
        parts=("the controller",),
    )


def _nothing(_fields: Mapping[str, Any], _topology: Topology) -> Iterable[str]:
    return ()


def _names(_topology: Topology) -> Mapping[str, Iterable[str]]:
    return {}


KIND = FaultKind(ControllerDown, _effects, _nothing, _names)
