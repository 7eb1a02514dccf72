"""The controller as a process of its own, in its own network namespace."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from experiments.run_folder import read_jsonl
from experiments.scenario import Healing
from experiments.trial_job import TrialFailed
from topologies.plan import CONTROLLER_PORT, NetworkPlan
from traffic.clock import NS_PER_S, now_ns

_READY_DEADLINE_NS = 60 * NS_PER_S
# Longer than the round trip of any control channel on Earth; and a BFD session keeps the slow
# pace of its beginning for up to 1 s after it is up.
_QUIET_NS = 6 * NS_PER_S // 5
_POLL_S = 0.1
_END_GRACE_S = 10.0
INSPECT_PORT = 8080
EVENTS_FILE = "controller-events.jsonl"


class ControllerProcess:
    """A running controller; a context manager that ends it."""

    def __init__(
        self, net: Any, network: NetworkPlan, policy: str, out: Path, healing: Healing
    ) -> None:
        """Start it in the network's controller node; `out` takes plan, events and log."""
        self._events = out / EVENTS_FILE
        self._log = out / "logs" / "controller.log"
        plan = out / "plan.json"
        plan.write_text(network.model_dump_json(), encoding="utf-8")
        command = [
            sys.executable, "-m", "controller.launch",
            "--plan", str(plan), "--policy", policy, "--events", str(self._events),
            "--listen", "0.0.0.0", "--port", str(CONTROLLER_PORT),  # noqa: S104 - own namespace
            "--inspect-port", str(INSPECT_PORT),
        ]  # fmt: skip
        for timer, value in healing.model_dump().items():
            command += [f"--{timer.replace('_', '-')}", str(value)]
        with self._log.open("wb") as log:
            self._process = net.get("controller").popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

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
        if self._process.poll() is not None:
            said = self._log.read_text(encoding="utf-8").strip().splitlines()
            status = f"exit status {self._process.returncode}"
            raise TrialFailed(f"the controller ended ({status}): {said[-1] if said else ''}")


def _outstanding(events: list[dict[str, Any]]) -> int:
    kinds = Counter(event["event"] for event in events)
    sent = kinds["rules-sent"] + kinds["update-sent"]
    return sent - kinds["rules-installed"] - kinds["update-installed"]
