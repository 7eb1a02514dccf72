"""A running network to work on by hand: the shell's inside, and Python's.

    from experiments.by_hand import bench

    with bench("ai-backbone") as network:
        network.cut("quincy-billings", "carrier")
        print(network.probe("quincy", "lulea"))
        network.mend("quincy-billings")

In the guest: `./fibercut exec -- python SCRIPT.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from controller.ask import NoAnswerError
from experiments.by_hand.broken import Broken, Standing
from experiments.by_hand.probing import ProbeReport, RunningProbe
from experiments.by_hand.words import Words
from experiments.control import ControllerProcess
from experiments.faults import FaultError, Scene
from experiments.faults.kind import FaultFields
from experiments.network import built_network, wait_for_bfd
from experiments.scenario import Bfd, Healing
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan
from topologies.problems import InputError, Problem, unknown
from topologies.spec import Topology
from traffic.clock import NS_PER_S, now_ns, wake_exactly

_BENCH_POLICY = "fast-reroute-reoptimise"


class Bench:
    """A built network with its controller; see `bench`."""

    def __init__(
        self, topology: Topology, scene: Scene, policy: str, out: Path, seed: int = 1
    ) -> None:
        self.topology, self.plan, self.net, self.policy = topology, scene.plan, scene.net, policy
        self.words = Words(topology)
        self.remarks: list[str] = []
        """What went wrong with steps that were due by themselves; emptied by who tells them."""
        self._out = out
        self._began_ns = now_ns()
        self._broken = Broken(scene, seed)
        self._probes: list[RunningProbe] = []
        self._changed = threading.Condition()
        self._over = False
        self._clock = threading.Thread(target=self._keep_time, name="faults", daemon=True)
        self._clock.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._clock.join()
        for probe in self._probes:
            probe.stop()

    @property
    def now_s(self) -> float:
        """Seconds since the network was ready."""
        return (now_ns() - self._began_ns) / NS_PER_S

    @property
    def standing(self) -> tuple[Standing, ...]:
        """What is broken by hand."""
        return self._broken.standing

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was broken and mended, with its times (CLOCK_MONOTONIC)."""
        return list(self._broken.steps)

    def cut(self, target: str, *options: str) -> Standing:
        """Cut a span, conduit, site, switch or the controller: `cut("a-b", "carrier")`.

        Raises InputError for what does not exist, Refused for what is broken already.
        """
        return self.begin(self.words.cut([target, *options]))

    def fault(self, kind: str, **fields: Any) -> Standing:
        """Begin any kind of fault of docs/reference/faults.md; `for_s` is its duration."""
        return self.begin(self.words.read({"kind": kind, **fields}))

    def begin(self, fault: FaultFields) -> Standing:
        """Begin a checked fault. Raises Refused, or FaultError."""
        with self._changed:
            one = self._broken.begin(fault)
            self._changed.notify()
        return one

    def mend(self, name: str = "all") -> list[str]:
        """Mend what was broken by hand. Returns remarks on faults without effect.

        Raises Refused if nothing of that name is broken.
        """
        with self._changed:
            self._broken.mend(name)
            self._changed.notify()
            return self._broken.take_remarks()

    def paths(self, from_: str, to: str) -> Any:
        """Where packets go now, as the controller answers (see controller.ask).

        Raises NoAnswerError.
        """
        return self.ask("paths", from_, to)

    def ask(self, question: str, *ends: str) -> Any:
        """The controller's answer to any of its questions. Raises NoAnswerError."""
        command = [sys.executable, "-m", "controller.ask", question, *ends]
        asked = self.net["controller"].popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said, complaint = asked.communicate()
        if asked.returncode:
            raise NoAnswerError(complaint.decode(errors="replace").strip())
        return json.loads(said)

    def start_probe(
        self, from_: str, to: str, rate_pps: int = 1000, seconds: float | None = None
    ) -> RunningProbe:
        """Probe from a host (or a site's first) to another, for so long or until it is stopped."""
        sender, receiver = self._host(from_), self._host(to)
        if sender == receiver:
            raise InputError([Problem("probe", f"from {sender} to itself; name two hosts")])
        number = len(self._probes)
        probe = RunningProbe(
            self.net, self.plan, sender, receiver, rate_pps, number, self._out, seconds
        )
        self._probes.append(probe)
        return probe

    def probe(self, from_: str, to: str, seconds: float = 1.0, rate_pps: int = 1000) -> ProbeReport:
        """Probe for so long, and tell what was lost and how late the rest came."""
        return self.start_probe(from_, to, rate_pps, seconds).finish()

    @property
    def probes(self) -> tuple[RunningProbe, ...]:
        """All probes started so far."""
        return tuple(self._probes)

    def seconds(self, at_ns: int) -> float:
        """A moment as seconds since the network was ready."""
        return (at_ns - self._began_ns) / NS_PER_S

    def _host(self, name: str) -> str:
        hosts = {host.name: host.name for host in self.plan.hosts}
        for host in reversed(self.plan.hosts):
            hosts[host.site] = host.name
        if name not in hosts:
            raise InputError([Problem("probe", unknown("host or site", name, hosts))])
        return hosts[name]

    def _keep_time(self) -> None:
        wake_exactly()
        with self._changed:
            while not self._over:
                due_ns = self._broken.due_ns()
                wait_s = None if due_ns is None else (due_ns - now_ns()) / NS_PER_S
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                try:
                    self._broken.catch_up()
                except FaultError as error:
                    self.remarks.append(str(error))
                self.remarks += self._broken.take_remarks()


@contextmanager
def bench(
    topology: str | Topology,
    policy: str = _BENCH_POLICY,
    scale: float = 10_000.0,
    bfd: Bfd | None = None,
    out: Path | None = None,
    seed: int = 1,
) -> Iterator[Bench]:
    """Build a network, start its controller, and take all down at the end of the `with`.

    topology: as `fibercut shell` takes it. scale: capacities are divided by this. bfd: 10 ms × 3
    unless told. out: folder for logs. Raises InputError, BuildError, TrialFailed.
    """
    found = load_topology(topology) if isinstance(topology, str) else topology
    with ExitStack() as stack:
        if out is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="fibercut-"))
            out = Path(name)
        yield stack.enter_context(
            running_bench(found, make_plan(found, scale), policy, bfd or Bfd(), out, seed)
        )


@contextmanager
def running_bench(
    topology: Topology, plan: NetworkPlan, policy: str, bfd: Bfd, out: Path, seed: int = 1
) -> Iterator[Bench]:
    """As `bench`, of a plan that is made already."""
    (out / "logs").mkdir(parents=True, exist_ok=True)
    with (
        built_network(plan, bfd, policy) as net,
        ControllerProcess(net, plan, policy, out, Healing()) as controller,
    ):
        controller.wait_ready()
        wait_for_bfd(plan, bfd, policy)
        with Bench(topology, Scene(plan, net, controller), policy, out, seed) as ready:
            yield ready


def virtual_time() -> bool:
    """Whether this machine's clock is the guest's virtual one."""
    return os.environ.get("FIBERCUT_CLOCK") == "virtual"
