"""The inside of `fibercut shell`: build, start the controller, prompt.

Started as `python -m experiments.shell_session SESSION.json`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from controller.ask import QUESTIONS
from experiments.control import ControllerProcess
from experiments.network import built_network, wait_for_bfd
from experiments.scenario import Bfd, Healing
from experiments.trial_job import TrialFailed
from topologies.build import CONTROLLER_NODE, BuildError, NetworkCLI
from topologies.plan import NetworkPlan
from topologies.spec import Strict


class SessionPrompt(NetworkCLI):
    """Mininet's prompt, at which `controller paths quincy lulea` asks the running controller."""

    def onecmd(self, line: str) -> bool:
        """Do one command; True ends the session."""
        node, question, *ends = [*line.split(), "", ""]
        if node != CONTROLLER_NODE or question not in (*QUESTIONS, "--help"):
            return super().onecmd(line)
        # Mininet would put addresses in the place of names.
        command = [sys.executable, "-m", "experiments.cli", node, question, *filter(None, ends)]
        output = {"stdin": subprocess.DEVNULL, "stdout": sys.stdout, "stderr": sys.stderr}
        self.mn[CONTROLLER_NODE].popen(command, **output).wait()
        return False


class SessionJob(Strict):
    """What the session is built from."""

    plan: NetworkPlan
    policy: str
    bfd: Bfd


def main(arguments: list[str]) -> int:
    """Run the session of the given file; its folder takes the logs."""
    path = Path(arguments[0])
    job = SessionJob.model_validate_json(path.read_text(encoding="utf-8"))
    out = path.parent
    (out / "logs").mkdir(exist_ok=True)
    print(f"Building {job.plan.name}: {len(job.plan.switches)} sites", flush=True)
    try:
        with (
            built_network(job.plan, job.bfd, job.policy) as net,
            ControllerProcess(net, job.plan, job.policy, out, Healing()) as controller,
        ):
            controller.wait_ready()
            wait_for_bfd(job.plan, job.bfd, job.policy)
            print(f"The controller runs (policy {job.policy}). Try: net, links, help, exit,")
            print("controller topology, controller --help")
            SessionPrompt(net)
    except (TrialFailed, BuildError) as failure:
        print(f"fibercut: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
