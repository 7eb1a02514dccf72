"""Control channels that are slow or cut, and a controller that dies in the middle of an update."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.emulation.controlled_networks import (
    Controlled,
    Event,
    controlled,
    cut_silently,
    mend,
)
from tests.emulation.diamonds import POLICY, lost_at
from tests.emulation.sample_networks import DIAMOND, small
from topologies.build import BfdTimers
from topologies.builder.devices import channel_device
from topologies.plan import PlannedSwitch

# One way; so far apart that the switches are in different steps of an update for a while.
CONTROL_MS = {"west": 200.0, "north": 20.0, "east": 120.0, "south": 60.0}
TIMERS = ("--hold-off-s", "0.05", "--wait-to-restore-s", "0.2", "--start-up-s", "20")
# All takes seconds here, so packets of BFD and of the probe are what the tests cost.
BFD = BfdTimers(50, 3)
RATE_PPS = 1000


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controlled]:
    plan = small(DIAMOND)
    switches = tuple(
        switch.model_copy(update={"control_delay_us": CONTROL_MS[switch.name] * 1000})
        for switch in plan.switches
    )
    plan = plan.model_copy(update={"switches": switches})
    with controlled(plan, POLICY, tmp_path_factory.mktemp("slow"), BFD, TIMERS) as running:
        yield running


def happened(since: int, *names: str, **fields: object) -> Callable[[list[Event]], bool]:
    """Whether some switch, or each of `names`, has been told of with these fields."""

    def holds(events: list[Event]) -> bool:
        found = [event for event in events[since:] if fields.items() <= event.items()]
        return {*names} <= {event.get("switch") for event in found} and bool(found)

    return holds


def lost_ms(running: Controlled, act: Callable[[], object]) -> float:
    """For how long a probe's packets were lost while something is done; in one gap, if any."""
    gaps = lost_at(running, act, rate_pps=RATE_PPS)
    assert len(gaps) <= 1
    return sum(lost for _, lost in gaps) * 1000 / RATE_PPS


def most_ms(running: Controlled) -> float:
    """What one detected failure of s0 may cost: detection, what is in flight and a probe."""
    detection_ms = BFD.interval_ms * BFD.multiplier
    return detection_ms + running.plan.spans[0].delay_us / 1000 + 2 * 1000 / RATE_PPS


def assert_mends_without_loss(running: Controlled) -> None:
    def restore() -> None:
        since = len(running.events)
        mend([running.plan.spans[0]])
        running.wait_for(happened(since, event="update-done", reason="reversion"))

    assert lost_ms(running, restore) == 0


def test_slow_channels_make_moves_late_and_cost_no_packet(slow: Controlled) -> None:
    since = len(slow.events)

    def fail() -> None:
        cut_silently([slow.plan.spans[0]])
        slow.wait_for(happened(since, event="update-done", reason="failure"))

    assert 0 < lost_ms(slow, fail) <= most_ms(slow)
    at_ns = {event["event"]: event["t_ns"] for event in slow.events[since:]}
    # Two steps until then, each with an order to the farthest switch and its answer.
    steps_ms = (at_ns["update-switched"] - at_ns["update-begun"]) / 1e6
    assert steps_ms >= 2 * 2 * CONTROL_MS["west"]
    assert_mends_without_loss(slow)


@pytest.mark.parametrize(
    ("step", "half_done"), [("prepare", True), ("switch", True), ("clean", False)]
)
def test_a_controller_that_dies_in_the_middle_of_an_update_is_continued_without_loss(
    slow: Controlled, step: str, half_done: bool
) -> None:
    since = len(slow.events)

    def die() -> None:
        cut_silently([slow.plan.spans[0]])
        slow.wait_for(happened(since, event="update-sent", step=step))
        # The orders are on their way: some switches have theirs, others not for a long time.
        time.sleep((CONTROL_MS["south"] + CONTROL_MS["east"]) / 2 / 1000)
        slow.process.kill()
        slow.process.wait()
        time.sleep(1)

    assert 0 < lost_ms(slow, die) <= most_ms(slow)

    def succeed() -> None:
        slow.launch()
        slow.wait_for(happened(0, event="update-done", reason="take-over"))

    assert lost_ms(slow, succeed) == 0
    taken = [event for event in slow.events if event["event"] == "stock-taken"]
    differs = sum(event["missing"] + event["extra"] + event["wrong"] for event in taken)
    # The orders of the last step reach the switches although who gave them is dead.
    assert (differs > 0) == half_done
    assert_mends_without_loss(slow)


def channels(switches: Sequence[PlannedSwitch], *, whole: bool) -> None:
    """Cut control channels so that nobody is told, or mend them."""
    devices = [channel_device(switch) for switch in switches]
    lines = [f"qdisc {'del' if whole else 'add'} dev {device} clsact" for device in devices]
    if not whole:
        lines += [
            f"filter add dev {device} {way} matchall action drop"
            for device in devices
            for way in ("ingress", "egress")
        ]
    subprocess.run(["tc", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def test_with_all_channels_cut_the_switches_heal_and_are_found_again(slow: Controlled) -> None:
    switches, since = slow.plan.switches, len(slow.events)

    def alone() -> None:
        channels(switches, whole=False)
        cut_silently([slow.plan.spans[0]])
        slow.wait_for(happened(since, *CONTROL_MS, event="switch-disconnected"))

    assert 0 < lost_ms(slow, alone) <= most_ms(slow)
    before = len(slow.events)

    def together() -> None:
        channels(switches, whole=True)
        slow.wait_for(happened(before, event="update-done", reason="failure"))

    assert lost_ms(slow, together) == 0
    again = [event for event in slow.events[before:] if event["event"] == "stock-taken"]
    assert {event["switch"] for event in again} == set(CONTROL_MS)
    assert all(event["wrong"] == event["missing"] == event["extra"] == 0 for event in again)
    assert_mends_without_loss(slow)
