"""One switch's way to other rules, in steps that all switches take together.

1. prepared: what is new is there, and nobody uses it yet;
2. switched: hosts' packets get the new names, and repairs lead to the new names;
3. cleaned: what nobody uses any more is gone.

Between the steps all switches have to be through with the last one, and before
the third the packets with old names have to be through the network. Within a step
the order among switches does not matter: a packet has old names or new ones all
its way, and the rules for both are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from controller.names import is_entry
from controller.rules import SwitchRules


class Step(StrEnum):
    """The steps of an update, in their order."""

    PREPARE = "prepare"
    SWITCH = "switch"
    CLEAN = "clean"


Steps = Mapping[Step, SwitchRules]
"""What the switch holds after each step."""


def steps_between(held: SwitchRules, wanted: SwitchRules) -> Steps:
    """The steps from the held rules to the wanted ones."""
    if held is wanted:
        return dict.fromkeys(Step, wanted)
    new = {k: f for k, f in wanted.flows.items() if k not in held.flows and not is_entry(k)}
    groups = {**held.groups, **wanted.groups}
    prepared = {**held.flows, **new}
    # A packet's first name may also change by the removal of an entry.
    kept = {k: f for k, f in prepared.items() if k in wanted.flows or not is_entry(k)}
    return {
        Step.PREPARE: SwitchRules(prepared, groups),
        Step.SWITCH: SwitchRules({**kept, **wanted.flows}, groups),
        Step.CLEAN: wanted,
    }
