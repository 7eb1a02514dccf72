"""Control channels that are slow or cut, and a controller that dies in the middle of an update."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.emulation.controlled_networks import (
    Controlled,
    Event,
    controlled,
    cut_silently,
    mend,
)
from tests.emulation.test_controller import DIAMOND, small
from tests.emulation.test_controller_faults import BFD, POLICY, QUICK, lost_at, repaired, seen
from topologies.builder.devices import control_device
from topologies.plan import PlannedSwitch

# One way. So far apart that switches are in different steps of an update for a long time.
SLOW_MS = {"west": 900.0, "north": 20.0, "east": 400.0, "south": 150.0}


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Controlled]:
    plan = small(DIAMOND)
    switches = tuple(
        switch.model_copy(update={"control_delay_us": SLOW_MS[switch.name] * 1000})
        for switch in plan.switches
    )
    plan = plan.model_copy(update={"switches": switches})
    with controlled(plan, POLICY, tmp_path, BFD, QUICK) as running:
        yield running


def moved(reason: str) -> Callable[[list[Event]], bool]:
    """Whether the last update is done and had this reason."""

    def holds(events: list[Event]) -> bool:
        moves = [e for e in events if e["event"] in ("update-begun", "update-done")]
        return bool(moves) and moves[-1]["event"] == "update-done" and moves[-1]["reason"] == reason

    return holds


def test_slow_channels_make_moves_late_and_cost_no_packet(slow: Controlled) -> None:
    cut = [slow.plan.spans[0]]

    def fail() -> None:
        cut_silently(cut)
        slow.wait_for(moved("failure"))

    assert repaired(lost_at(slow, fail), slow)
    [began] = [e for e in slow.events if e["event"] == "update-begun" and e["reason"] == "failure"]
    [switched] = [
        e for e in slow.events
        if e["event"] == "update-switched" and e["update"] == began["update"]
    ]  # fmt: skip
    # Two steps until then, each with an order to the farthest switch and its answer.
    assert (switched["t_ns"] - began["t_ns"]) / 1e6 >= 2 * 2 * SLOW_MS["west"]

    def restore() -> None:
        mend(cut)
        slow.wait_for(moved("reversion"))

    assert lost_at(slow, restore) == []


@pytest.mark.parametrize("step", ["prepare", "switch", "clean"])
def test_a_controller_that_dies_in_the_middle_of_an_update_is_continued_without_loss(
    slow: Controlled, step: str
) -> None:
    cut = [slow.plan.spans[0]]

    def die() -> None:
        cut_silently(cut)
        slow.wait_for(seen("update-sent", step=step, update=2))
        # The orders are on their way: some switches have theirs, others not for a long time.
        time.sleep(SLOW_MS["south"] / 1000 + 0.05)
        slow.process.kill()
        slow.process.wait()
        time.sleep(1)

    assert repaired(lost_at(slow, die), slow)

    def succeed() -> None:
        slow.launch()
        slow.wait_for(moved("take-over"))

    assert lost_at(slow, succeed) == []
    taken = [e for e in slow.events if e["event"] == "stock-taken"]
    assert sum(e["missing"] + e["extra"] + e["wrong"] for e in taken) > 0  # it was half done

    def restore() -> None:
        mend(cut)
        slow.wait_for(moved("reversion"))

    assert lost_at(slow, restore) == []


def channels(switches: Sequence[PlannedSwitch], *, whole: bool) -> None:
    """Cut control channels so that nobody is told, or mend them."""
    devices = [control_device(switch) for switch in switches]
    lines = [f"qdisc {'del' if whole else 'add'} dev {device} clsact" for device in devices]
    if not whole:
        lines += [
            f"filter add dev {device} {way} matchall action drop"
            for device in devices
            for way in ("ingress", "egress")
        ]
    subprocess.run(["tc", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def test_with_all_channels_cut_the_switches_heal_and_are_found_again(slow: Controlled) -> None:
    cut, switches = [slow.plan.spans[0]], slow.plan.switches

    def alone() -> None:
        channels(switches, whole=False)
        cut_silently(cut)
        for switch in switches:
            slow.wait_for(seen("switch-disconnected", switch=switch.name))

    assert repaired(lost_at(slow, alone), slow)
    since = len(slow.events)

    def together() -> None:
        channels(switches, whole=True)
        slow.wait_for(moved("failure"))

    assert lost_at(slow, together) == []
    again = [e for e in slow.events[since:] if e["event"] == "stock-taken"]
    assert {e["switch"] for e in again} == {switch.name for switch in switches}
    assert all(e["wrong"] == e["missing"] == e["extra"] == 0 for e in again)
    mend(cut)
    slow.wait_for(moved("reversion"))
