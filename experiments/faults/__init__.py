"""What breaks, by kind. A new kind is a file beside this one and an entry here.

See docs/reference/faults.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from experiments.faults import (
    conduit_cut,
    control_channel,
    controller_down,
    node_down,
    random_cuts,
    span_capacity,
    span_corruption,
    span_cut,
    span_delay,
    span_flap,
    span_loss,
    switch_crash,
)
from experiments.faults.kind import Act, Effect, FaultError, FaultFields, FaultKind, Occasion, Scene
from topologies.plan import NetworkPlan

__all__ = ["KINDS", "Fault", "FaultError", "Scene", "Step", "schedule"]

_NS_PER_S = 1_000_000_000

KINDS: Mapping[str, FaultKind[Any]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            span_cut.KIND,
            conduit_cut.KIND,
            span_flap.KIND,
            random_cuts.KIND,
            span_loss.KIND,
            span_delay.KIND,
            span_capacity.KIND,
            span_corruption.KIND,
            node_down.NODE,
            node_down.SITE,
            switch_crash.KIND,
            controller_down.KIND,
            control_channel.CUT,
            control_channel.DELAY,
        )
    }
)

if TYPE_CHECKING:  # a type checker cannot read a union that is made of a table
    Fault = FaultFields
else:
    Fault = Annotated[
        Union[tuple(kind.fields for kind in KINDS.values())],  # noqa: UP007 - of a tuple
        Field(discriminator="kind"),
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a trial's faults: what is done at `at_ns` (after the start).

    confirm: raises FaultError when what the step ends had no effect; called before `act`.
    parts: what the effect breaks; no other fault may break it at the same time.
    """

    at_ns: int
    name: str
    fault_index: int
    spans: tuple[str, ...]
    act: Act
    confirm: Act | None = None
    parts: frozenset[str] = frozenset()


def schedule(
    faults: Sequence[Fault], plan: NetworkPlan, duration_s: float, seed: int
) -> tuple[list[Step], list[Act]]:
    """All steps of a scenario's faults in order of time, and what to confirm at its end.

    duration_s: of the scenario. seed: of the trial.
    """
    steps: list[Step] = []
    at_the_end: list[Act] = []
    for index, fault in enumerate(faults):
        occasion = Occasion(plan, duration_s, seed * 1000 + index)
        for effect in KINDS[fault.kind].effects(fault, occasion):
            steps += _steps(index, effect)
            if effect.until_s is None:
                at_the_end.append(effect.confirm)
    # What is mended at a moment is mended before something else breaks.
    steps.sort(key=lambda step: (step.at_ns, step.confirm is None, step.fault_index))
    return steps, at_the_end


def _steps(index: int, effect: Effect) -> list[Step]:
    begin, end = effect.names
    at_ns = round(effect.at_s * _NS_PER_S)
    steps = [Step(at_ns, begin, index, effect.spans, effect.act, parts=effect.everything)]
    if effect.until_s is not None:
        at_ns = round(effect.until_s * _NS_PER_S)
        confirm, parts = effect.confirm, effect.everything
        steps.append(Step(at_ns, end, index, effect.spans, effect.undo, confirm, parts))
    return steps
