"""`fibercut shell`: scripts and terminals, in virtual time."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.on_host

ROOT = Path(__file__).parents[2]
SHELL = [sys.executable, "-m", "experiments.cli", "shell", "ring:4", "--clock", "virtual"]
DEADLINE_S = 120
SCRIPT = """\
probe n1 n3 &
sleep 1
cut n1-n2
cut n1-n2
mend nowhere
sleep 1
mend all
probe stop
paths n1
n1-host1 ping -c 2 n3-host1
fault span-loss span=n1-n2
nonsense
"""


def scripted(script: str) -> str:
    done = subprocess.run(
        SHELL, input=script, capture_output=True, text=True, cwd=ROOT, check=False,
        timeout=DEADLINE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def test_a_script_through_a_pipe_gives_the_same_words_each_time() -> None:
    said = scripted(SCRIPT)
    assert re.search(r"^1\.\d{6} s: n1-n2: span-cut \(mend n1-n2\)$", said, re.MULTILINE)
    assert "*** n1-n2 is broken already, by fault 1 (n1-n2); mend it first" in said
    assert "*** 'nowhere' is not broken by hand; broken by hand: n1-n2" in said
    assert re.search(r"n1-host1 → n3-host1: 1,\d{3} sent, [1-9]\d* lost, delay", said)
    assert re.search(r"outage at 1\.\d{6} s: \d+ packets, \d+\.\d{3} ms \(TBM\)", said)
    assert "usage: paths FROM TO" in said
    assert "2 packets transmitted, 2 received, 0% packet loss" in said
    assert "give either one_in" in said
    assert "Unknown command: nonsense" in said
    assert scripted(SCRIPT) == said


class Terminal:
    """A person at a terminal."""

    def __init__(self, state: Path) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execve(SHELL[0], SHELL, {**os.environ, "XDG_STATE_HOME": str(state)})
        self.said = ""

    def until(self, text: str) -> str:
        """Read until a text comes, which is taken away with all before it."""
        until_s = time.monotonic() + DEADLINE_S
        while text not in self.said:
            assert time.monotonic() < until_s, self.said
            if select.select([self._fd], [], [], 0.1)[0]:
                self.said += os.read(self._fd, 1 << 16).decode(errors="replace")
        before, _, self.said = self.said.partition(text)
        return before

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def end(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _now_s(terminal: Terminal) -> float:
    terminal.type("status\n")
    terminal.until("status\r\n")
    return float(terminal.until(" s since").strip())


def test_time_stands_still_while_a_person_thinks(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.until("fibercut> ")
    before_s = _now_s(terminal)
    terminal.until("fibercut> ")
    time.sleep(1.5)  # the person thinks; this is no waiting for a condition
    assert _now_s(terminal) - before_s < 0.01
    terminal.until("fibercut> ")
    terminal.type("cu\tn1-n2 car\t\n")
    terminal.until("n1-n2: span-cut")
    terminal.until("fibercut> ")
    terminal.type("n1-host1 ping n3-host1\n")
    terminal.until("icmp_seq=3")
    terminal.type("\x03")
    terminal.until("fibercut> ")
    terminal.type("\x04")
    assert terminal.end() == 0
    history = (tmp_path / "fibercut" / "shell-history").read_text()
    assert "cut n1-n2 carrier" in history.replace("  ", " ")
