"""Without the controller, and over bad control channels: healed all the same."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulation.built_networks import eventually
from tests.emulation.controlled_networks import Controlled, cut_silently, mend, set_carrier
from tests.emulation.diamonds import controller_of, lost_at, repaired, running_diamond, seen
from tests.emulation.probing import RATE_PPS


@pytest.fixture
def diamond(tmp_path: Path) -> Iterator[Controlled]:
    with running_diamond(tmp_path) as running:
        yield running


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_hung_controller_is_not_missed_and_its_successor_finds_its_way(
    diamond: Controlled, end: signal.Signals
) -> None:
    cut = [diamond.plan.spans[0]]

    def without_controller() -> None:
        diamond.process.send_signal(end)
        time.sleep(0.1)
        cut_silently(cut)
        time.sleep(12.0 if end is signal.SIGSTOP else 1.0)  # OVS probes a silent one after 5 s

    assert repaired(lost_at(diamond, without_controller), diamond)

    def with_a_new_one() -> None:
        diamond.process.kill()
        diamond.process.wait()
        diamond.launch()
        diamond.wait_for(seen("update-done", reason="take-over"))

    assert lost_at(diamond, with_a_new_one) == []
    taken = [e for e in diamond.events if e["event"] == "stock-taken"]
    assert {e["switch"] for e in taken} == {"west", "north", "east", "south"}
    # It failed while nobody was looking, so the paths change; the rest stays.
    assert all(e["right"] > 0 for e in taken)
    down = [e["span"] for e in diamond.events if e["event"] == "span-down"]
    assert down == ["s0"]  # what happened meanwhile

    def mended() -> None:
        mend(cut)
        diamond.wait_for(seen("update-done", reason="reversion"))

    assert lost_at(diamond, mended) == []
    diamond.wait_for(seen("ready"))


def test_a_controller_that_stops_for_a_while_goes_on_where_it_was(diamond: Controlled) -> None:
    def pause() -> None:
        diamond.process.send_signal(signal.SIGSTOP)
        time.sleep(12.0)
        diamond.process.send_signal(signal.SIGCONT)
        time.sleep(2.0)

    assert lost_at(diamond, pause) == []
    again = [e for e in diamond.events if e["event"] == "stock-taken"][4:]
    assert {e["switch"] for e in again} == {"west", "north", "east", "south"}
    assert all(e["wrong"] == e["missing"] == e["extra"] == 0 for e in again)


def test_a_switch_cut_off_from_the_controller_repairs_and_is_waited_for(
    diamond: Controlled,
) -> None:
    cut = [diamond.plan.spans[0]]
    target = controller_of("west")

    def cut_off() -> None:
        subprocess.run(["ovs-vsctl", "set-controller", "west", "tcp:127.0.0.1:1"], check=True)
        diamond.wait_for(seen("switch-disconnected", switch="west"))
        cut_silently(cut)
        diamond.wait_for(seen("update-postponed"))

    assert repaired(lost_at(diamond, cut_off), diamond)

    def back() -> None:
        subprocess.run(["ovs-vsctl", "set-controller", "west", target], check=True)
        diamond.wait_for(seen("update-done", reason="failure"))

    assert lost_at(diamond, back) == []
    mend(cut)
    diamond.wait_for(seen("update-done", reason="reversion"))


def test_a_switch_that_is_made_anew_gets_everything_again(diamond: Controlled) -> None:
    switch = diamond.network.get("south")
    switch.stop(deleteIntfs=False)
    diamond.wait_for(seen("switch-disconnected", switch="south"))
    diamond.wait_for(seen("span-down", span="s3"))
    switch.start(())
    diamond.wait_for(seen("rules-installed", switch="south"))
    diamond.wait_for(seen("update-done", reason="reversion"))
    # Its two spans may come back one after the other, each with a reversion of its own.
    assert eventually(lambda: _is_still("south"))
    # The northern way is cut: what the new switch was told has to carry it all.
    cut = [diamond.plan.spans[0]]
    assert repaired(lost_at(diamond, lambda: cut_silently(cut)), diamond)
    mend(cut)


def test_one_direction_that_fails_is_a_failure_of_the_span(diamond: Controlled) -> None:
    [span, *_] = diamond.plan.spans

    def drop_one_way() -> None:
        # What west sends does not arrive; what north sends does.
        port = span.b.interface
        for line in (
            f"qdisc add dev {port} clsact",
            f"filter add dev {port} ingress matchall action drop",
        ):
            subprocess.run(["tc", *line.split()], check=True)
        diamond.wait_for(seen("update-switched", update=2))

    [(_, lost)] = lost_at(diamond, drop_one_way)
    lost_ms = lost * 1000 / RATE_PPS
    # North hears nothing for 30 ms, says so in its next BFD packet (10 ms at most), and that
    # takes one propagation to west.
    assert lost_ms <= 30 + 10 + 2 * span.delay_us / 1000 + 1
    first = next(e for e in diamond.events if e["event"] == "port-not-live")
    assert (first["switch"], first["how"]) == ("north", "bfd")
    subprocess.run(["tc", "qdisc", "del", "dev", span.b.interface, "clsact"], check=True)


def test_a_loss_of_carrier_costs_only_what_is_in_flight(diamond: Controlled) -> None:
    cut = [diamond.plan.spans[0]]
    [(_, lost)] = lost_at(diamond, lambda: set_carrier(cut, up=False))
    assert lost * 1000 / RATE_PPS <= cut[0].delay_us / 1000 + 0.2
    set_carrier(cut, up=True)


def test_a_span_that_flaps_is_left_alone_until_it_has_proved_itself(diamond: Controlled) -> None:
    flapping = [diamond.plan.spans[0]]

    def flap() -> None:
        # Three failures are enough if BFD is up soon after each; a penalty halves in 5 s.
        for _ in range(8):
            for up in (False, True):
                set_carrier(flapping, up=up)
                diamond.wait_for_ends(flapping, live=up)
            if seen("span-damped", span="s0")(diamond.events):
                break
        diamond.wait_for(seen("span-damped", span="s0"))
        diamond.wait_for(seen("update-switched", update=2))

    gaps = lost_at(diamond, flap)
    # Off it once, and not back: only the first loss of carrier cost what was in flight.
    assert len(gaps) <= 8
    in_flight_ms = flapping[0].delay_us / 1000
    assert all(lost * 1000 / RATE_PPS <= in_flight_ms + 0.2 for _, lost in gaps)
    moves = [e for e in diamond.events if e["event"] == "update-begun" and e["reason"] != "start"]
    assert [e["reason"] for e in moves] == ["failure"]


def _is_still(bridge: str) -> bool:
    """What an earlier move left behind is gone once two looks, a second apart, see the same."""
    before = _flows(bridge)
    time.sleep(1)
    return _flows(bridge) == before


def _flows(bridge: str) -> list[str]:
    command = ["ovs-ofctl", "-O", "OpenFlow13", "--no-stats", "dump-flows", bridge]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(line.strip() for line in said.splitlines() if "actions" in line)
