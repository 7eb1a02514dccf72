"""What a built network leaves behind, however it ends: nothing. And what it touches: its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from click.testing import CliRunner

from experiments.cli.clean import clean
from experiments.real_clock_checks import real_clock_checks
from tests.emulation.built_networks import eventually, two_sites
from tests.emulation.machine_state import differences, machine_state, others_things
from topologies.build import BuildError, build_network
from topologies.builder.claim import Claim
from topologies.builder.daemon import daemon_pid
from topologies.builder.guard import Guard
from topologies.builder.leftovers import leftovers, sweep
from topologies.builder.netlink import RouteSocket
from topologies.builder.ovsdb import Database
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan

# What is being done when something happens: how the first request of a batch, or the first
# operation of a transaction, begins.
STAGES = {
    "links": "make link s1-eth2",
    "host": "set lo up",
    "queues": "prio on s1-eth2",
    "channels": "netem on s1-ctl",
    "bridges": "insert QoS",
    "bridges taken up": "wait",
    "standing": "standing",
    "bridges removed": "mutate Open_vSwitch",
    "links removed": "delete the links",
}
BUILDING, TAKING_DOWN = list(STAGES)[:6], list(STAGES)[7:]


@pytest.fixture(scope="module")
def before() -> Iterator[dict[str, Any]]:
    with others_things() as ping:
        # The first build makes what stays, such as Open vSwitch's threads' files.
        with build_network(two_sites()):
            pass
        yield machine_state()
        ping.send_signal(signal.SIGINT)
        assert " 0% packet loss" in ping.communicate()[0]


@pytest.fixture(autouse=True)
def _nothing_left(before: dict[str, Any]) -> Iterator[None]:
    yield
    assert eventually(lambda: machine_state() == before), differences(before, machine_state())


def at_stage(stage: str, act: Callable[[], object], *, first: bool = False) -> Any:
    """From now on `act` is called once, when a stage has been done (or is about to be)."""
    patch, wanted = pytest.MonkeyPatch(), STAGES[stage]
    left, builder = [act], os.getpid()  # the guard inherits all this, and is not meant

    def wrap(kind: type, method: str, label: Callable[[Any], str]) -> None:
        original = getattr(kind, method)

        def wrapped(self: Any, asked: Any) -> Any:
            hit = label(asked[0]).startswith(wanted) and bool(left) and os.getpid() == builder
            if hit and first:
                left.pop()()
            answer = original(self, asked)
            if hit and not first:
                left.pop()()
            return answer

        patch.setattr(kind, method, wrapped)

    wrap(RouteSocket, "_run_batch", lambda request: str(request.what))
    wrap(Database, "transact", lambda done: f"{done['op']} {done.get('table', '')}")
    return patch


def builder_process(
    stage: str, act: Callable[[Guard], object], plan: NetworkPlan | None = None
) -> int:
    """A process that builds, stands and takes down; its status. `act` happens at the stage."""
    child = os.fork()
    if not child:
        try:
            _build_and_act(stage, act, plan or two_sites())
        except BaseException as error:  # noqa: BLE001 - the child of a fork must not go on
            traceback.print_exc()
            os._exit(130 if isinstance(error, KeyboardInterrupt) else 1)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _build_and_act(stage: str, act: Callable[[Guard], object], plan: NetworkPlan) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    guards: list[Guard] = []
    original = Guard.__init__

    def remembered(self: Guard, claim: Claim) -> None:
        guards.append(self)
        original(self, claim)

    pytest.MonkeyPatch().setattr(Guard, "__init__", remembered)
    at_stage(stage, lambda: act(guards[0]))
    with build_network(plan) as network:
        first, *_, last = network.hosts
        for node in (first, network.switches[0]):
            node.popen(["sleep", "1000"])
        last.cmd("sleep 1000 &")
        if stage == "standing":
            act(guards[0])
            time.sleep(1)


@pytest.mark.parametrize(
    ("stage", "end"),
    [
        *product(STAGES, [signal.SIGKILL, signal.SIGINT, signal.SIGTERM]),
        *product(["queues", "standing", "bridges removed"], [signal.SIGHUP]),
    ],
)
def test_nothing_stays_when_a_signal_ends_the_builder(stage: str, end: signal.Signals) -> None:
    status = builder_process(stage, lambda _guard: os.kill(os.getpid(), end))
    assert status == (130 if end == signal.SIGINT else -end)


def _kill_both(guard: Guard) -> None:
    os.kill(guard._pid, signal.SIGKILL)
    os.waitpid(guard._pid, 0)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("stage", STAGES)
def test_a_sweep_finds_what_builder_and_guard_left(stage: str, before: dict[str, Any]) -> None:
    assert builder_process(stage, _kill_both) == -signal.SIGKILL
    if stage == "links removed":
        return
    assert machine_state() != before
    [found] = leftovers()
    assert [one.owner for one in sweep()] == [found.owner]
    assert sweep() == []


def test_doctor_and_clean_tell_of_leftovers() -> None:
    builder_process("standing", _kill_both)
    [check] = [check for check in real_clock_checks() if check.name == "networks left behind"]
    assert not check.ok
    # The control channels went with the controller's namespace, in which nothing runs.
    told = "a network with 2 bridges, 4 interfaces"
    assert told in check.found
    for arguments, words in (
        (["--dry-run"], f"left behind: {told}"),
        ([], f"removed: {told}"),
        ([], "nothing is left behind"),
    ):
        assert words in CliRunner().invoke(clean, arguments, standalone_mode=False).output


def test_the_next_build_sweeps_what_builder_and_guard_left() -> None:
    builder_process("standing", _kill_both)
    with build_network(two_sites()):
        assert leftovers() == []


def test_the_next_build_waits_for_a_guard_at_work() -> None:
    for _ in range(2):
        builder_process("standing", lambda _guard: os.kill(os.getpid(), signal.SIGKILL))
    with build_network(two_sites()) as network:
        assert len(network.hosts) == 2


def test_a_network_that_stands_is_no_leftover() -> None:
    with build_network(two_sites()) as network:
        assert leftovers() == sweep() == []
        assert network.get("west-host1").cmd("echo here").strip() == "here"
        with pytest.raises(BuildError, match=r"already there: .*; another network"):
            build_network(two_sites()).__enter__()


@pytest.mark.parametrize("stage", ["bridges", "standing", "bridges removed"])
def test_the_builder_needs_no_guard_to_end_well(stage: str) -> None:
    assert builder_process(stage, lambda guard: os.kill(guard._pid, signal.SIGKILL)) == 0


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        *product(BUILDING, [BuildError("refused")]),
        *product(["links", "bridges"], [MemoryError(), OSError(12, "Cannot allocate memory")]),
    ],
)
def test_failure_at_any_stage_is_undone(stage: str, error: Exception) -> None:
    def fail() -> None:
        raise error

    patch = at_stage(stage, fail, first=True)
    with pytest.raises(BuildError, match=r"refused|memory"), build_network(two_sites()):
        pytest.fail("it was built")
    patch.undo()


@pytest.mark.parametrize("stage", TAKING_DOWN)
def test_what_the_builder_fails_to_undo_the_guard_does(stage: str) -> None:
    def fail() -> None:
        raise BuildError("refused")

    patch = at_stage(stage, fail, first=True)
    with build_network(two_sites()):
        pass
    patch.undo()


def test_what_nobody_could_undo_is_told_and_swept_later() -> None:
    def fail() -> None:
        raise BuildError("refused")

    patch = at_stage("links removed", fail, first=True)
    ending = build_network(two_sites())
    network = ending.__enter__()
    os.kill(network._end.__self__._guard._pid, signal.SIGKILL)  # type: ignore[attr-defined]
    with pytest.raises(BuildError, match="not all could be taken down: refused"):
        ending.__exit__(None, None, None)
    patch.undo()
    [found] = sweep()
    assert "s1-eth2" in found.devices


@pytest.mark.parametrize("killed", [True, False])
def test_many_bridges_go_beside_others(killed: bool) -> None:
    daemon = daemon_pid()
    plan = make_plan(load_topology("ring:40"), scale=10_000)
    end = signal.SIGKILL if killed else signal.SIGCHLD  # which does nothing
    status = builder_process("standing", lambda _guard: os.kill(os.getpid(), end), plan)
    assert status == (-signal.SIGKILL if killed else 0)
    assert daemon_pid() == daemon


def test_names_that_are_taken_are_refused_before_anything_is_made() -> None:
    subprocess.run(["ip", "link", "add", "s1-eth1", "type", "dummy"], check=True)
    with pytest.raises(BuildError, match="already there: s1-eth1"), build_network(two_sites()):
        pass
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


def test_all_that_a_node_started_ends_and_nothing_else() -> None:
    theirs = subprocess.Popen(["sleep", "1000"])
    with build_network(two_sites()) as network:
        ours = [network.get(name).popen(["sleep", "1000"]) for name in ("west-host1", "west")]
        network.get("west").cmd("nohup setsid sleep 1000 >/dev/null 2>&1 &")
        network.stop()
        network.stop()
        assert [process.wait() for process in ours] == [-signal.SIGKILL] * 2
    assert theirs.poll() is None
    theirs.kill()
    theirs.wait()
