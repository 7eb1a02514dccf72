"""One trial as it can be watched: read from its folder, over and over."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.by_hand.files import SNAPSHOT, STEPS, give_order
from experiments.control import events_file
from experiments.live.arrivals import Arrivals
from experiments.live.pace import Pace
from experiments.live.rates import Snapshot, parse_snapshot, utilisation
from experiments.live.tail import Tail
from experiments.live.telling import told_event, told_step
from experiments.run_folder import TrialFolder
from experiments.trial_job import Job
from experiments.workloads.probe import ProbeWorkload
from traffic.clock import NS_PER_S

_KEPT_EVENTS = 2000
# Of a probe's past, what a page that is opened in the middle sees: two minutes.
_KEPT_BINS = 1200
# Packets may still arrive in the bins of the last two seconds.
_UNSETTLED_BINS = 20
Cursor = dict[str, Any]


class TrialWatch:
    """What is known of a trial. Not for several threads."""

    def __init__(self, job: Job, folder: TrialFolder, pace: Pace) -> None:
        self.job, self.pace = job, pace
        self._folder = folder
        self._stage = "waiting"
        self._over = False
        self._start_ns: int | None = None
        self._snapshots: deque[Snapshot] = deque(maxlen=2)
        self._steps = Tail(folder.path / STEPS)
        self._controller: list[Tail] = []
        self._events: list[tuple[float | None, str, str]] = []
        self._waiting: list[tuple[int, str, str]] = []
        self._broken: dict[str, str] = {}
        self._standing: dict[str, str] = {}
        self._arrivals: dict[str, Arrivals] = {}
        self._orders = 0

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over

    def order(self, order: dict[str, Any]) -> None:
        """Have the trial do something at its next look. Raises OSError."""
        self._orders += 1
        give_order(self._folder.path, self._orders, order)

    def end(self) -> None:
        """It has ended; what it shows last is read now."""
        self.read()
        self._over = True
        self._stage = "over"

    def read(self) -> None:
        """Look at everything that the trial shows."""
        if self.over:
            return
        path = self._folder.path
        self._read_stage(path)
        self._read_steps()
        self._read_controller(path)
        self._tell_waiting()
        try:
            found = parse_snapshot((path / SNAPSHOT).read_text(encoding="ascii"))
        except OSError:
            return
        if found and (not self._snapshots or found.t_ns > self._snapshots[-1].t_ns):
            self._snapshots.append(found)
            for arrivals in self._arrivals.values():
                arrivals.read(found.t_ns)

    def since(self, cursor: Cursor) -> dict[str, Any]:
        """What a page has to learn that has seen all up to `cursor`, which is moved on."""
        event = cursor.get("event", max(0, len(self._events) - _KEPT_EVENTS))
        probes = {}
        for name, arrivals in self._arrivals.items():
            count = len(arrivals.bins)
            first = max(0, cursor.get(name, count - _KEPT_BINS) - _UNSETTLED_BINS)
            probes[name] = {
                "first": first,
                "bins": [one.row() for one in arrivals.bins[first:]],
                "lost": arrivals.lost(self._now_ns()),
            }
            cursor[name] = count
        cursor["event"] = len(self._events)
        return {
            "stage": self._stage,
            "t_s": round(self._seconds(self._now_ns()), 3),
            "speed": self.pace.speed,
            "spans": self._utilisation(),
            "broken": self._broken,
            "standing": self._standing,
            "events": self._events[event:],
            "probes": probes,
        }

    def _now_ns(self) -> int:
        return self._snapshots[-1].t_ns if self._snapshots else self._start_ns or 0

    def _seconds(self, at_ns: int) -> float:
        return (at_ns - self._start_ns) / NS_PER_S if self._start_ns is not None else 0.0

    def _utilisation(self) -> list[list[float]]:
        if len(self._snapshots) < 2:
            return []
        return utilisation(self.job.plan, self._snapshots[0], self._snapshots[1])

    def _read_stage(self, path: Path) -> None:
        try:
            said = (path / "stage").read_text(encoding="utf-8")
        except OSError:
            return
        if said.endswith("\n"):
            self._stage = said.partition(" ")[2].strip()

    def _read_steps(self) -> None:
        scripted = [fault.model_dump(mode="json") for fault in self.job.scenario.faults]
        for step in self._steps.new():
            if step["step"] == "start":
                self._begin(step["t_ns"])
                continue
            source = "by hand" if "by_hand" in step or step["step"] == "remark" else "scenario"
            said = told_step(step, scripted)
            self._waiting.append((step["t_ns"], source, said))
            if "begins" in step:
                self._note(step, said)

    def _note(self, step: Mapping[str, Any], said: str) -> None:
        """Keep account of what is broken: the spans, and the faults by hand."""
        what = said.partition(": ")[2]
        if step["begins"]:
            self._broken |= dict.fromkeys(step["spans"], what)
        else:
            self._broken = {k: v for k, v in self._broken.items() if k not in step["spans"]}
        if "by_hand" in step:
            number = str(step["by_hand"])
            self._standing = {k: v for k, v in self._standing.items() if k != number}
            if step["begins"]:
                self._standing[number] = what

    def _begin(self, start_ns: int) -> None:
        scenario = self.job.scenario
        self._start_ns = start_ns
        stop_ns = start_ns + round(scenario.duration_s * NS_PER_S)
        for workload in scenario.workloads:
            if isinstance(workload, ProbeWorkload):
                path = self._folder.samples / workload.name / "received.i64x3"
                self._arrivals[workload.name] = Arrivals(workload, path, start_ns, stop_ns)

    def _read_controller(self, path: Path) -> None:
        while (path / events_file(len(self._controller))).exists():
            self._controller.append(Tail(path / events_file(len(self._controller))))
        for tail in self._controller:
            for event in tail.new():
                if (said := told_event(event)) is not None:
                    self._waiting.append((event["t_ns"], "controller", said))

    def _tell_waiting(self) -> None:
        """Events with their times, which are known once the workloads have begun."""
        if self._start_ns is None:
            return
        for t_ns, source, said in sorted(self._waiting, key=lambda event: event[0]):
            self._events.append((round(self._seconds(t_ns), 6), source, said))
        self._waiting.clear()
