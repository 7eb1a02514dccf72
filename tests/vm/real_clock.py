"""The clock `real` on a fresh machine, as a user of the Vagrant machine meets it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.vm.machine import Machine
from tests.vm.root_file_system import FOLDER

_MINUTE_S = 60.0
# Everything of which nothing may stay, one kind a line.
_STATE = """
echo "links: $(ip -o link | cut -d: -f2 | sed 's/@.*//' | sort | xargs)"
echo "bridges: $(sudo ovs-vsctl list-br | sort | xargs)"
echo "datapaths: $(sudo ovs-dpctl dump-dps | sort | xargs)"
echo "network namespaces: $(sudo lsns -n -t net -o NS | wc -l)"
echo "queueing disciplines: $(tc qdisc show | wc -l)"
echo "processes: $(pgrep -a 'python|iperf|mnexec' | grep -v pgrep | cut -d' ' -f2- | xargs)"
echo "temporary files: $(sudo ls /tmp | grep -v -E '^(systemd-private|tmp\\.)' | xargs)"
"""
_RUN = f"cd {FOLDER} && ./fibercut run provision/smoke.yaml --policy fast-reroute --quiet"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. seconds: of wall time; said: what tells a reader most."""

    name: str
    passed: bool
    said: str
    seconds: float


@dataclass
class Walk:
    """The steps in order, told as they are done."""

    machine: Machine
    folder: Path
    tell: Callable[[str], None]
    steps: list[Step] = field(default_factory=list)

    def take(self, name: str, look: Callable[[Machine], tuple[bool, str]]) -> bool:
        """Do one step and note it; whether it passed."""
        began_s = time.monotonic()
        try:
            passed, said = look(self.machine)
        except subprocess.TimeoutExpired as error:
            passed, said = False, f"did not end within {error.timeout:g} s"
        step = Step(name, passed, said, round(time.monotonic() - began_s, 1))
        self.steps.append(step)
        self.tell(f"{'ok    ' if passed else 'FAILED'} {step.seconds:7.1f} s  {name}: {said}")
        return passed

    def log(self, name: str, done: subprocess.CompletedProcess[str]) -> None:
        """Keep all that a command said."""
        text = f"exit status {done.returncode}\n{done.stdout}\n--- stderr\n{done.stderr}"
        (self.folder / f"{name}.log").write_text(text, encoding="utf-8")


def walk(machine: Machine, folder: Path, project: Path, tell: Callable[[str], None]) -> list[Step]:
    """Provision the machine and use the clock `real` on it; logs and steps lie in `folder`."""
    way = Walk(machine, folder, tell)
    machine.bring(project)
    if not way.take("provision/machine.sh, smoke test included", lambda m: _provision(way, m)):
        return way.steps
    before = machine.run(_STATE, 5 * _MINUTE_S).stdout
    way.take("doctor, as a user", _doctor)
    way.take("run, as a user who types no sudo", lambda m: _run_as_user(way, m))
    way.take("the results belong to the user", _ownership)
    way.take("Ctrl-C in the middle", _ctrl_c)
    way.take("nothing stays after it", lambda m: _same(m, before))
    way.take("everything of a run is killed", _kill)
    way.take("clean finds and removes it", _clean)
    way.take("nothing stays after clean", lambda m: _same(m, before))
    way.take("without Open vSwitch's service", _no_service)
    way.take("without sudo", _no_sudo)
    return way.steps


def _provision(way: Walk, machine: Machine) -> tuple[bool, str]:
    done = machine.run(f"sudo {FOLDER}/provision/machine.sh", 120 * _MINUTE_S)
    way.log("provision", done)
    checks = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ok  ")]
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
    for line in done.stdout.partition("smoke test:")[2].splitlines()[1:]:
        way.tell(f"         {line.strip()}")
    return done.returncode == 0 and bool(checks), " ".join(last)


def _doctor(machine: Machine) -> tuple[bool, str]:
    done = machine.run(f"cd {FOLDER} && ./fibercut doctor --json", 5 * _MINUTE_S)
    clocks = json.loads(done.stdout)["clocks"]
    said = "; ".join(f"{clock}: {clocks[clock]['why_not'] or 'can run'}" for clock in clocks)
    return all(clock["can_run"] for clock in clocks.values()), said


def _run_as_user(way: Walk, machine: Machine) -> tuple[bool, str]:
    done = machine.run(f"{_RUN} --json", 30 * _MINUTE_S)
    way.log("run", done)
    if done.returncode:
        return False, done.stderr.strip()[-300:]
    summary = json.loads(done.stdout)
    failover = summary["policies"]["fast-reroute"]["probes"]["across"]["failover"]
    said = f"{failover['lost']} packets lost, recovered: {failover['recovered']}"
    return bool(failover["lost"]) and failover["recovered"] and "sudo" in done.stderr, said


def _ownership(machine: Machine) -> tuple[bool, str]:
    done = machine.run(f"cd {FOLDER} && find . -not -user $USER; ls -d runs/latest/", _MINUTE_S)
    return done.stdout.strip() == "runs/latest/", done.stdout.strip()[:300]


def _ctrl_c(machine: Machine) -> tuple[bool, str]:
    """On a terminal, once the workloads run."""
    started = machine.terminal(_RUN)
    try:
        if not _until(machine, _stage_is("running")):
            return False, "the workloads never ran"
        assert started.stdin
        started.stdin.write(b"\x03")
        started.stdin.flush()
        out, _ = started.communicate(timeout=10 * _MINUTE_S)
    finally:
        started.kill()
        started.wait()
    text = out.decode(errors="replace")
    told = "Traceback" not in text and "interrupted" in text
    return started.returncode == 130 and told, f"exit status {started.returncode}"


def _kill(machine: Machine) -> tuple[bool, str]:
    """The trial, its guard and its controller, as the kernel's memory killer might."""
    started = machine.terminal(_RUN)
    try:
        if not _until(machine, _stage_is("running")):
            return False, "the workloads never ran"
        killed = machine.run(
            "sudo pkill -KILL -f '[e]xperiments|[c]ontroller.launch|[t]opologies'", _MINUTE_S
        )
        started.communicate(timeout=10 * _MINUTE_S)
    finally:
        started.kill()
        started.wait()
    left = machine.run(f"cd {FOLDER} && sudo ./fibercut clean --dry-run", 5 * _MINUTE_S).stdout
    return killed.returncode == 0 and "left behind: a network" in left, left.strip()


def _clean(machine: Machine) -> tuple[bool, str]:
    first = machine.run(f"cd {FOLDER} && sudo ./fibercut clean", 5 * _MINUTE_S)
    second = machine.run(f"cd {FOLDER} && sudo ./fibercut clean", 5 * _MINUTE_S)
    removed = first.returncode == 0 and "removed: a network" in first.stdout
    return removed and second.stdout.strip() == "nothing is left behind", second.stdout.strip()


def _same(machine: Machine, before: str) -> tuple[bool, str]:
    """Links, bridges, datapaths, namespaces, processes and files are those of before."""
    machine.run(f"sudo rm -rf {FOLDER}/runs/*.partial", _MINUTE_S)
    now = machine.run(_STATE, 5 * _MINUTE_S).stdout
    changed = [line for line in now.splitlines() if line not in before.splitlines()]
    return not changed, "; ".join(changed) or "as before"


def _no_service(machine: Machine) -> tuple[bool, str]:
    machine.run("sudo systemctl stop openvswitch-switch", 5 * _MINUTE_S)
    done = machine.run(_RUN, 5 * _MINUTE_S)
    machine.run("sudo systemctl start openvswitch-switch", 5 * _MINUTE_S)
    said = done.stderr.strip()
    return done.returncode == 2 and "systemctl start" in said and _plain(said), said


def _no_sudo(machine: Machine) -> tuple[bool, str]:
    """Where sudo asks for a password, the user is told to use it."""
    machine.run("sudo mv /etc/sudoers.d/vagrant /root/ && sudo -k", _MINUTE_S)
    done = machine.run(_RUN, 5 * _MINUTE_S)
    said = done.stderr.strip()
    return done.returncode == 2 and "with sudo" in said and _plain(said), said


def _plain(text: str) -> bool:
    return "Traceback" not in text


def _stage_is(stage: str) -> str:
    return f"cat {FOLDER}/runs/*.partial/trials/*/stage | grep -q ' {stage}'"


def _until(machine: Machine, condition: str, limit_s: float = 15 * _MINUTE_S) -> bool:
    """Wait for a shell line to succeed in the machine."""
    patience = "[ $(date +%s) -lt $end ] || exit 1; sleep 0.5"
    line = f"end=$(($(date +%s) + {limit_s:.0f})); until {condition}; do {patience}; done"
    return machine.run(line, limit_s + _MINUTE_S).returncode == 0
