"""What a built network leaves behind, however it ends: nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.emulation.built_networks import (
    eventually,
    left_over,
    lines,
    two_sites,
)
from topologies.build import BuildError, build_network


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = left_over()
    yield
    assert left_over() == before


def test_others_things_are_left_alone() -> None:
    subprocess.run(["ip", "link", "add", "theirs", "type", "dummy"], check=True)
    subprocess.run(["ip", "netns", "add", "theirs"], check=True)
    subprocess.run(["ovs-vsctl", "add-br", "their-bridge"], check=True)
    sleeper = subprocess.Popen(["sleep", "1000"])
    before = left_over()
    with build_network(two_sites()) as network:
        ours = network.get("west-host1").popen(["sleep", "1000"])
    assert left_over() == before
    assert sleeper.poll() is None
    assert ours.wait() == -signal.SIGKILL
    sleeper.kill()
    sleeper.wait()
    subprocess.run(["ovs-vsctl", "del-br", "their-bridge"], check=True)
    subprocess.run(["ip", "netns", "del", "theirs"], check=True)
    subprocess.run(["ip", "link", "del", "theirs"], check=True)


def test_names_that_are_taken_are_refused_before_anything_is_made() -> None:
    subprocess.run(["ip", "link", "add", "s1-eth1", "type", "dummy"], check=True)
    before = left_over()
    with pytest.raises(BuildError, match="already there: s1-eth1"), build_network(two_sites()):
        pass
    assert left_over() == before
    subprocess.run(["ip", "link", "del", "s1-eth1"], check=True)


def test_failure_in_the_kernel_is_named_and_undone() -> None:
    plan = two_sites()
    span = plan.spans[0].model_copy(update={"delay_us": -5.0})
    with pytest.raises(BuildError, match="netem on s1-eth2"):  # noqa: SIM117
        with build_network(plan.model_copy(update={"spans": (span,)})):
            pass


def test_failure_in_open_vswitch_is_named_and_undone() -> None:
    plan = two_sites()
    span = plan.spans[0]
    taken = span.a.model_copy(update={"number": plan.hosts[0].port.number})
    broken = plan.model_copy(update={"spans": (span.model_copy(update={"a": taken}),)})
    with pytest.raises(BuildError, match="Open vSwitch did not add s1-eth"), build_network(broken):
        pass


def test_without_root_it_is_said_at_once() -> None:
    script = (
        "from tests.emulation.built_networks import two_sites\n"
        "from topologies.build import build_network\n"
        "build_network(two_sites()).__enter__()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], user=65534, capture_output=True, text=True, check=False
    )
    assert "needs root" in done.stderr


def test_error_of_the_user_takes_the_network_down() -> None:
    with pytest.raises(ZeroDivisionError), build_network(two_sites()):
        raise ZeroDivisionError


def test_stop_twice_is_stop_once() -> None:
    with build_network(two_sites()) as network:
        network.stop()
        assert lines("ovs-vsctl", "list-br") == []


_BUILD_AND_WAIT = """
import sys, time
from tests.emulation.built_networks import two_sites
from topologies.build import build_network
with build_network(two_sites()) as network:
    network.get("west-host1").popen(["sleep", "1000"])
    network.get("east-host1").cmd("true")
    print("built", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_when_the_builder_is_ended(end: signal.Signals) -> None:
    before = left_over()
    builder = subprocess.Popen(
        [sys.executable, "-c", _BUILD_AND_WAIT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert builder.stdout
    assert builder.stdout.readline() == b"built\n"
    builder.send_signal(end)
    builder.wait()
    assert eventually(lambda: left_over() == before and not _sleepers())


def _sleepers() -> list[str]:
    return [line for line in lines("ps", "-eo", "args") if line == "sleep 1000"]
