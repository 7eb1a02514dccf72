"""The controller as a process of its own, in its own network namespace."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import count, takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from experiments.faults import FaultError
from experiments.run_folder import read_jsonl
from experiments.scenario import Healing
from experiments.trial_job import TrialFailed
from topologies.plan import CONTROLLER_PORT, NetworkPlan
from traffic.clock import NS_PER_S, now_ns

_READY_DEADLINE_NS = 60 * NS_PER_S
# Longer than the round trip of any control channel on Earth.
_QUIET_NS = 6 * NS_PER_S // 5
_POLL_S = 0.1
_END_GRACE_S = 10.0
INSPECT_PORT = 8080
_STOPPED = ("T", "t")


class ControllerProcess:
    """A running controller; a context manager that ends it.

    A controller that is started again writes its events to a file of its own.
    """

    def __init__(
        self, net: Any, network: NetworkPlan, policy: str, out: Path, healing: Healing
    ) -> None:
        """Start it in the network's controller node; `out` takes plan, events and log."""
        self._node = net.get("controller")
        self._out = out
        self._starts = 0
        self._meant_to_be_down = False
        self._log = out / "logs" / "controller.log"
        plan = out / "plan.json"
        plan.write_text(network.model_dump_json(), encoding="utf-8")
        self._command = [
            sys.executable, "-m", "controller.launch",
            "--plan", str(plan), "--policy", policy,
            "--listen", "0.0.0.0", "--port", str(CONTROLLER_PORT),  # noqa: S104 - own namespace
            "--inspect-port", str(INSPECT_PORT),
        ]  # fmt: skip
        for timer, value in healing.model_dump().items():
            self._command += [f"--{timer.replace('_', '-')}", str(value)]
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        self._events = self._out / events_file(self._starts)
        self._starts += 1
        with self._log.open("ab") as log:
            started: subprocess.Popen[bytes] = self._node.popen(
                [*self._command, "--events", str(self._events)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return started

    def crash(self) -> None:
        """End it at once; for faults."""
        self._meant_to_be_down = True
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Start a new one after `crash`."""
        self._process = self._started()
        self._meant_to_be_down = False

    def hang(self) -> None:
        """Stop it where it is."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `hang`."""
        self._process.send_signal(signal.SIGCONT)

    def check_down(self) -> None:
        """Raise FaultError if it neither ended nor stands still."""
        if self._process.poll() is None and _state(self._process.pid) not in _STOPPED:
            raise FaultError("the controller still runs")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(timeout=_END_GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def wait_ready(self) -> None:
        """Wait until every switch has its rules. Raises TrialFailed when that takes too long."""
        deadline_ns = now_ns() + _READY_DEADLINE_NS
        while not any(event["event"] == "ready" for event in read_jsonl(self._events)):
            self.check_alive()
            if now_ns() > deadline_ns:
                raise TrialFailed(f"the controller was not ready in time (see {self._log.name})")
            time.sleep(_POLL_S)

    def wait_settled(self) -> None:
        """Wait until all that was sent is acknowledged and nothing new happens for a while."""
        deadline_ns = now_ns() + _READY_DEADLINE_NS
        while True:
            events = read_jsonl(self._events)
            last_ns = events[-1]["t_ns"] if events else 0
            if not _outstanding(events) and now_ns() - last_ns > _QUIET_NS:
                return
            self.check_alive()
            if now_ns() > deadline_ns:
                raise TrialFailed("the controller keeps changing its rules before any fault")
            time.sleep(_POLL_S)

    def check_alive(self) -> None:
        """Raise TrialFailed with its last words if the controller has ended."""
        if self._process.poll() is not None and not self._meant_to_be_down:
            said = self._log.read_text(encoding="utf-8").strip().splitlines()
            status = f"exit status {self._process.returncode}"
            raise TrialFailed(f"the controller ended ({status}): {said[-1] if said else ''}")


def events_file(start: int) -> str:
    """The name of the file of the controller's events, by how often it was started before."""
    return "controller-events.jsonl" if start == 0 else f"controller-events-{start + 1}.jsonl"


def controller_events(trial: Path) -> list[dict[str, Any]]:
    """The events of all controllers of a trial, in order."""
    files = takewhile(Path.exists, (trial / events_file(start) for start in count()))
    return [event for file in files for event in read_jsonl(file)]


def _state(pid: int) -> str:
    """A process's state as proc(5) names it."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def _outstanding(events: list[dict[str, Any]]) -> int:
    kinds = Counter(event["event"] for event in events)
    sent = kinds["rules-sent"] + kinds["update-sent"]
    return sent - kinds["rules-installed"] - kinds["update-installed"]
