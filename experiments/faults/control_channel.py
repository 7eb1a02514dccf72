"""`control-cut` and `control-delay`: what happens to the channels to the controller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from experiments.faults.kind import (
    Effect,
    FaultError,
    FaultFields,
    FaultKind,
    FaultRecord,
    Occasion,
    Scene,
)
from experiments.faults.tools import batch, output, pass_again, qdiscs
from topologies.builder.devices import channel_device
from topologies.fabric import border, inner_switches
from topologies.plan import NetworkPlan, PlannedSwitch
from topologies.problems import Problem, unknown
from topologies.spec import Topology

_LIMIT_PACKETS = 10_000_000
_US_PER_MS = 1000
# tc tells whole microseconds, rounded down.
_ROUNDING_S = 2e-6


class _Channels(FaultFields):
    switches: tuple[str, ...] = Field(default=(), max_length=100_000)
    """Whose channels; all if none is named."""


class ControlCut(_Channels):
    """Control channels carry nothing, either way; neither end is told."""

    kind: Literal["control-cut"]


class ControlDelay(_Channels):
    """Control channels become slower, in both directions."""

    kind: Literal["control-delay"]
    extra_ms: float = Field(gt=0, le=60_000)


def blocked(switches: Sequence[PlannedSwitch], at_s: float, until_s: float | None) -> Effect:
    """The control channels of some switches carry nothing."""
    devices = [channel_device(switch) for switch in switches]

    def act(_scene: Scene) -> None:
        lines = [
            line
            for device in devices
            for line in (
                f"qdisc add dev {device} clsact",
                f"filter add dev {device} ingress matchall action drop",
                f"filter add dev {device} egress matchall action drop",
            )
        ]
        batch("tc", lines)

    def confirm(_scene: Scene) -> None:
        for device in devices:
            if "drop" not in output(["tc", "filter", "show", "dev", device, "egress"]):
                raise FaultError(f"the control channel {device} is not cut any more")

    return Effect(
        names=("control-cut", "control-mend"),
        at_s=at_s,
        until_s=until_s,
        spans=(),
        act=act,
        undo=lambda _scene: pass_again(devices),
        confirm=confirm,
        parts=_parts(switches),
    )


def _chosen(fault: _Channels, plan: NetworkPlan) -> list[PlannedSwitch]:
    return [s for s in plan.switches if not fault.switches or s.name in fault.switches]


def _cut(fault: ControlCut, occasion: Occasion) -> Iterator[Effect]:
    yield blocked(_chosen(fault, occasion.plan), fault.at_s, fault.repair_at_s)


def _delay(fault: ControlDelay, occasion: Occasion) -> Iterator[Effect]:
    switches = _chosen(fault, occasion.plan)
    extra_us = fault.extra_ms * _US_PER_MS

    def confirm(_scene: Scene) -> None:
        for switch in switches:
            device = channel_device(switch)
            wanted_s = (switch.control_delay_us + extra_us) / 1e6
            delays_s = [
                qdisc["options"].get("delay", {}).get("delay", 0.0)
                for qdisc in qdiscs(device)
                if qdisc["kind"] == "netem"
            ]
            if not any(abs(delay_s - wanted_s) < _ROUNDING_S for delay_s in delays_s):
                raise FaultError(f"the control channel {device} has its usual delay again")

    yield Effect(
        names=("control-slow", "control-normal"),
        at_s=fault.at_s,
        until_s=fault.repair_at_s,
        spans=(),
        act=lambda scene: _set_delays(scene, switches, extra_us),
        undo=lambda scene: _set_delays(scene, switches, 0.0),
        confirm=confirm,
        parts=_parts(switches),
    )


def _parts(switches: Sequence[PlannedSwitch]) -> tuple[str, ...]:
    return tuple(f"the control channel of {switch.name}" for switch in switches)


def _set_delays(scene: Scene, switches: Sequence[PlannedSwitch], extra_us: float) -> None:
    def lines(devices: Iterable[str]) -> list[str]:
        return [
            f"qdisc change dev {device} root netem limit {_LIMIT_PACKETS} "
            f"delay {switch.control_delay_us + extra_us:.3f}us"
            for device, switch in zip(devices, switches, strict=True)
        ]

    batch("tc", lines(channel_device(switch) for switch in switches))
    # The controller's ends are in its namespace and bear the switches' names.
    node = scene.net["controller"]
    for line in lines(switch.name for switch in switches):
        _, said, status = node.pexec(["tc", *line.split()])
        if status:
            raise FaultError(f"tc refused: {said.strip()}")


def _names(_topology: Topology) -> Mapping[str, Iterable[str]]:
    return {}


def _no_spans(_fields: Mapping[str, Any], _topology: Topology) -> Iterable[str]:
    return ()


def _problems(record: FaultRecord) -> Iterator[Problem]:
    known = [n for site in record.topology.sites for n in (border(site), *inner_switches(site))]
    given = record.fields.get("switches")
    for index, name in enumerate(given if isinstance(given, list) else []):
        if isinstance(name, str) and name not in known:
            yield record.problem(unknown("switch", name, known), "switches", index)


CUT = FaultKind(ControlCut, _cut, _no_spans, _names, _problems)
DELAY = FaultKind(ControlDelay, _delay, _no_spans, _names, _problems)
