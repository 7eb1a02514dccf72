"""A run as it can be watched: its trials, what the pages ask for, and the answer to each."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.by_hand.words import Words, as_record
from experiments.live.pace import FASTEST, Pace
from experiments.live.telling import told_fault
from experiments.live.watch import Cursor, TrialWatch
from experiments.run_folder import TrialFolder
from experiments.scenario import Clock
from experiments.scenario_load import LoadedScenario
from experiments.trial_job import Job, trial_names
from experiments.workloads.probe import ProbeWorkload
from topologies.plan import NetworkPlan
from topologies.problems import InputError, Problem, shown, unknown

_LOOK_EVERY_S = 0.25


class LiveRun:
    """Everything about a run that pages show and change. For several threads.

    It is a `Spectator` of the run's trials.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        plan: NetworkPlan,
        speed: float | None,
        *,
        stays: bool = False,
    ) -> None:
        """speed: of all trials at first; None is as fast as they can.

        stays: the page is there after the run's end, with the report.
        """
        self.loaded, self.plan, self._stays = loaded, plan, stays
        self.words = Words(loaded.topology)
        self._speed = speed
        self._lock = threading.Lock()
        self._trials: dict[str, TrialWatch] = {}
        self._result: Mapping[str, Any] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="live", daemon=True)
        self._thread.start()

    def begin(self, job: Job, trial: TrialFolder) -> Pace:
        """A trial begins; its pace."""
        pace = Pace(self._speed, trial.path / "stage")
        with self._lock:
            self._trials[job.name] = TrialWatch(job, trial, pace)
        return pace

    def end(self, job: Job) -> None:
        """A trial has ended."""
        with self._lock:
            self._trials[job.name].end()

    def finish(self, summary: Mapping[str, Any], folder: Path) -> None:
        """The run is over."""
        trials = summary.get("trials") or [
            {"policy": name, **one} for name, one in summary["policies"].items()
        ]
        with self._lock:
            self._result = {
                "status": summary["status"],
                "folder": str(folder),
                "digest": summary["digest"],
                "reasons": [f"{t['policy']}: {t['reason']}" for t in trials if t["reason"]],
            }

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    @property
    def report(self) -> Path | None:
        """The report, when the run is over."""
        with self._lock:
            return Path(self._result["folder"]) / "report.html" if self._result else None

    def facts(self) -> dict[str, Any]:
        """What does not change: for the page's beginning."""
        scenario, topology = self.loaded.scenario, self.loaded.topology
        return {
            "scenario": scenario.name,
            "topology": topology.name,
            "clock": scenario.clock.value,
            "stays": self._stays,
            "paced": scenario.clock is Clock.VIRTUAL,
            "duration_s": scenario.duration_s,
            "trials": trial_names(scenario),
            "spans": [
                {"id": span.id, "a": span.a.switch, "b": span.b.switch, "rate_mbps": span.rate_mbps}
                for span in self.plan.spans
            ],
            "conduits": list(topology.conduits()),
            "sites": [site.id for site in topology.sites],
            "probes": [
                {"name": w.name, "from": w.from_host, "to": w.to_host, "rate_pps": w.rate_pps}
                for w in scenario.workloads
                if isinstance(w, ProbeWorkload)
            ],
        }

    def since(self, cursors: dict[str, Cursor]) -> dict[str, Any]:
        """What a page has to learn; its cursors (empty at first) are moved on."""
        with self._lock:
            return {
                "trials": {
                    name: trial.since(cursors.setdefault(name, {}))
                    for name, trial in self._trials.items()
                },
                "result": self._result,
            }

    def order(self, asked: object) -> str:
        """Do what a page asks for, or have the trial do it. Returns what will happen.

        Raises InputError with what is wrong, OSError if the trial cannot be reached.
        """
        if not isinstance(asked, dict):
            raise InputError([Problem("order", f"must be an object, not {shown(asked)}")])
        with self._lock:
            trial = self._trial(asked.get("trial"))
            match asked.get("do"):
                case "fault":
                    return self._break(trial, asked.get("fault"))
                case "mend":
                    return self._mend(trial, asked.get("name"))
                case "speed":
                    return self._set_speed(trial, asked.get("speed"))
                case other:
                    verbs = ("fault", "mend", "speed")
                    raise InputError([Problem("do", unknown("order", other, verbs))])

    def _trial(self, name: object) -> TrialWatch:
        trial = self._trials.get(name) if isinstance(name, str) else None
        if trial is None:
            raise InputError([Problem("trial", unknown("running trial", name, self._trials))])
        if trial.over:
            raise InputError([Problem("trial", f"{name} is over: nothing can be cut or mended")])
        return trial

    def _break(self, trial: TrialWatch, fault: object) -> str:
        if not isinstance(fault, dict):
            raise InputError([Problem("fault", f"must be an object, not {shown(fault)}")])
        record = as_record(self.words.read(fault))
        trial.order({"do": "fault", "fault": record})
        return f"asked for: {told_fault(record)}"

    def _mend(self, trial: TrialWatch, name: object) -> str:
        if not isinstance(name, str) or not name:
            raise InputError([Problem("name", f"must be what to mend, not {shown(name)}")])
        trial.order({"do": "mend", "name": name})
        return f"asked to mend {name}"

    def _set_speed(self, trial: TrialWatch, speed: object) -> str:
        if not self.facts()["paced"]:
            raise InputError([Problem("speed", "this run has the clock real; nobody can slow it")])
        number = isinstance(speed, int | float) and not isinstance(speed, bool)
        if speed is not None and not (number and 0 <= speed <= FASTEST):  # type: ignore[operator]
            allowed = f"must be 0 to {FASTEST:g}, or null for as fast as it can"
            raise InputError([Problem("speed", f"{allowed}, not {shown(speed)}")])
        trial.pace.speed = speed  # type: ignore[assignment]
        return f"speed {speed if speed is not None else 'as fast as it can'}"

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            with self._lock:
                for trial in self._trials.values():
                    trial.read()
