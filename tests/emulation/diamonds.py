"""A small network whose healing is watched while something is wrong with it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.emulation.controlled_networks import Controlled, Event, Hosts, controlled
from tests.emulation.probing import RATE_PPS, Probe, holes
from tests.emulation.sample_networks import DIAMOND, small
from topologies.build import BfdTimers

POLICY = "fast-reroute-reoptimise"
QUICK = ("--hold-off-s", "0.05", "--wait-to-restore-s", "0.2", "--start-up-s", "5")
BFD = BfdTimers(10, 3)


@contextmanager
def running_diamond(folder: Path) -> Iterator[Controlled]:
    """The diamond with its controller."""
    with controlled(small(DIAMOND), POLICY, folder, BFD, QUICK) as running:
        yield running


def seen(name: str, **fields: object) -> Callable[[list[Event]], bool]:
    """Whether there is an event of this name with these fields."""
    return lambda events: any(
        event["event"] == name and fields.items() <= event.items() for event in events
    )


def lost_at(
    running: Controlled,
    act: Callable[[], object],
    ends: tuple[str, str] = ("west", "east"),
    rate_pps: int = RATE_PPS,
) -> list[tuple[int, int]]:
    """The gaps of a probe between two switches' hosts while something is done."""
    hosts = Hosts(running.network, running.network.plan)
    probe = Probe(running.network, hosts, *ends, rate_pps=rate_pps)
    time.sleep(0.2)
    act()
    time.sleep(0.2)
    came = probe.end()
    hosts.close()
    assert len(set(came)) == len(came)
    return holes(came)


def repaired(gaps: list[tuple[int, int]], running: Controlled, span: str = "s0") -> bool:
    """Whether nothing but one detected failure of a span cost packets."""
    [delay_us] = [s.delay_us for s in running.network.plan.spans if s.id == span]
    [(_, lost)] = gaps
    return 0 < lost * 1000 / RATE_PPS <= 30 + delay_us / 1000 + 1


def controller_of(bridge: str) -> str:
    """Where a switch connects to."""
    command = ["ovs-vsctl", "get-controller", bridge]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
