"""One trial, on the machine that carries the network.

Build it, load it, break it, mend it and collect what was measured. Started by the runner
as a process: `python -m experiments.trial JOB.json`.

Exit status: 0 measured (also when interrupted), 1 failed; `trial.json` says which.
"""

from __future__ import annotations

import signal
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from experiments.by_hand.attention import Attention
from experiments.control import ControllerProcess
from experiments.faults import FaultError, Scene, Step, schedule
from experiments.fidelity.guard import guarded
from experiments.network import built_network, wait_for_bfd
from experiments.processes import ProcessFailed, Running, start_all
from experiments.programs import programs
from experiments.run_folder import write_json
from experiments.scenario import Clock
from experiments.trial_job import Interrupted, Job, TrialFailed, TrialResult
from topologies.build import BuildError
from traffic.clock import NS_PER_S, now_ns

# Programs get this long to start before the first packet is due. Starting takes no virtual
# time, and real time for each program on a slow machine.
_START_MARGIN_NS = NS_PER_S // 2
_START_MARGIN_REAL_NS = 2 * NS_PER_S
_START_EACH_REAL_NS = NS_PER_S // 4
# What is under way at the end may still arrive.
_DRAIN_NS = 1 * NS_PER_S
_FINISH_NS = 60 * NS_PER_S


def main(arguments: list[str]) -> int:
    """Run the job of the given file; everything about it lands beside that file."""
    path = Path(arguments[0])
    job = Job.model_validate_json(path.read_text(encoding="utf-8"))
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    result = _Trial(job, path.parent).run()
    write_json(path.parent / "trial.json", result.model_dump(mode="json"))
    return 1 if result.status == "failed" else 0


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise Interrupted


class _Trial:
    def __init__(self, job: Job, out: Path) -> None:
        self._job = job
        self._out = out
        self._applied: list[dict[str, Any]] = []
        self._attention: Attention | None = None
        self._began_ns = now_ns()
        self._start_ns: int | None = None
        self._end_ns: int | None = None

    def run(self) -> TrialResult:
        status: Literal["ok", "failed", "interrupted"] = "ok"
        reason = None
        try:
            with ExitStack() as stack:
                self._measure(stack)
        except Interrupted:
            status, reason = "interrupted", "ended before its time; what was measured is kept"
        except (TrialFailed, FaultError, ProcessFailed, BuildError) as error:
            status, reason = "failed", str(error)
        except Exception as error:  # noqa: BLE001 - the trial's last words must reach the user
            log = self._out / "logs" / "trial-error.txt"
            log.write_text(traceback.format_exc(), encoding="utf-8")
            status, reason = "failed", f"{type(error).__name__}: {error} (see {log.name})"
        return TrialResult(
            status=status,
            reason=reason,
            start_ns=self._start_ns,
            end_ns=self._end_ns,
            faults=tuple(self._applied),
            by_hand=tuple(self._attention.steps) if self._attention else (),
        )

    def _measure(self, stack: ExitStack) -> None:
        job, scenario = self._job, self._job.scenario
        self._stage("building the network")
        net = stack.enter_context(built_network(job.plan, scenario.bfd, job.policy))
        self._stage("starting the controller")
        controller = stack.enter_context(
            ControllerProcess(net, job.plan, job.policy, self._out, scenario.healing)
        )
        controller.wait_ready()
        wait_for_bfd(job.plan, scenario.bfd, job.policy)
        controller.wait_settled()
        self._stage("starting the workloads")
        real = scenario.clock is Clock.REAL
        guard = stack.enter_context(guarded(scenario.fidelity, real, self._out))
        self._start_ns = now_ns() + self._start_margin_ns()
        stop_ns = self._start_ns + round(scenario.duration_s * NS_PER_S)
        running = stack.enter_context(
            start_all(net, programs(job, self._start_ns, stop_ns, _DRAIN_NS, self._out), self._out)
        )
        self._stage("running")
        self._run_faults(running, Scene(job.plan, net, controller), stop_ns)
        guard.check()
        self._stage("collecting")
        running.wait_all(stop_ns + _FINISH_NS)
        self._end_ns = now_ns()
        controller.check_alive()

    def _start_margin_ns(self) -> int:
        scenario = self._job.scenario
        if scenario.clock is Clock.VIRTUAL:
            return _START_MARGIN_NS
        # Counting the programs needs their command lines, whatever their times will be.
        count = len(programs(self._job, 0, 1, 0, self._out))
        return _START_MARGIN_REAL_NS + count * _START_EACH_REAL_NS

    def _run_faults(self, running: Running, scene: Scene, stop_ns: int) -> None:
        assert self._start_ns is not None  # set before the workloads start
        job = self._job
        steps, at_the_end = schedule(
            job.scenario.faults, job.plan, job.scenario.duration_s, job.seed
        )
        self._attention = attention = Attention(scene, self._out, job.seed)
        attention.tell({"step": "start", "t_ns": self._start_ns})
        for step in steps:
            running.wait_until(self._start_ns + step.at_ns, attention.turn)
            self._take(step, scene, attention)
        running.wait_until(stop_ns, attention.turn)
        for confirm in at_the_end:
            confirm(scene)

    def _take(self, step: Step, scene: Scene, attention: Attention) -> None:
        attention.make_room(step)
        if step.confirm is not None:
            step.confirm(scene)
        before_ns = now_ns()
        step.act(scene)
        self._applied.append(
            {
                "step": step.name,
                "fault": step.fault_index,
                "spans": step.spans,
                "t_ns": before_ns,
                "done_ns": now_ns(),
            }
        )
        attention.tell({**self._applied[-1], "begins": step.confirm is None})

    def _stage(self, text: str) -> None:
        (self._out / "stage").write_text(f"{self._elapsed_s():.3f} {text}\n", encoding="utf-8")

    def _elapsed_s(self) -> float:
        return (now_ns() - self._began_ns) / NS_PER_S


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
