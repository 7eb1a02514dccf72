"""The inside of `fibercut shell`: build, start the controller, prompt.

Started as `python -m experiments.shell.session SESSION.json`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from experiments.by_hand.bench import Bench, running_bench
from experiments.faults import FaultError
from experiments.scenario import Bfd
from experiments.shell.lines import ScriptLines, TurnLines
from experiments.shell.prompt import ScriptPrompt, SessionPrompt
from experiments.trial_job import TrialFailed
from topologies.build import BuildError
from topologies.plan import NetworkPlan
from topologies.spec import Strict, Topology


class SessionJob(Strict):
    """What the session is built from, and where its commands come from.

    lines: `terminal` (the guest's own), `script` (standard input), `turns` (see lines.TurnLines).
    """

    topology: Topology
    plan: NetworkPlan
    policy: str
    bfd: Bfd
    seed: int
    lines: Literal["terminal", "script", "turns"]


def main(arguments: list[str]) -> int:
    """Run the session of the given file; its folder takes the logs."""
    path = Path(arguments[0])
    job = SessionJob.model_validate_json(path.read_text(encoding="utf-8"))
    print(f"Building {job.plan.name}: {len(job.plan.switches)} switches", flush=True)
    try:
        with running_bench(
            job.topology, job.plan, job.policy, job.bfd, path.parent, job.seed
        ) as bench:
            print(f"The controller runs (policy {job.policy}). Try: cut, mend, probe, paths,")
            print("status, help, exit; every command of Mininet's; controller --help", flush=True)
            _prompt(bench, job.lines, path.parent)
    except (TrialFailed, BuildError, FaultError) as failure:
        print(f"fibercut: {failure}", file=sys.stderr)
        return 1
    return 0


def _prompt(bench: Bench, lines: str, folder: Path) -> None:
    if lines == "terminal":
        SessionPrompt(bench, folder / "history")
        return
    # Mininet tells on standard error what commands say: here all goes one way, in its order.
    sys.stdout.flush()
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    if lines == "script":
        ScriptPrompt(bench, ScriptLines(sys.stdin), echo=True)
    else:
        ScriptPrompt(bench, TurnLines(folder), echo=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
