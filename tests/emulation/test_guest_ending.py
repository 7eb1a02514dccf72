"""How guests end: hung, dead, interrupted, killed with their caller, left by their user."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guest import GuestError, GuestKernel
from tests.emulation.booted_guests import Outcome, caller, eventually, guests_of, in_guest, kernel

__all__ = ["in_guest", "kernel"]  # fixtures
pytestmark = pytest.mark.on_host


@pytest.mark.parametrize(
    ("command", "named", "message"),
    [
        (["sh", "-c", "while :; do :; done"], {"stall_limit_s": 2}, "clock stood still for 2 s"),
        (["sleep", "infinity"], {"virtual_limit_s": 500}, "not done after 500 s of its own clock"),
        (["sleep", "infinity"], {"wall_limit_s": 3, "clock": "real"}, "not done after 3 s"),
        (["sh", "-c", "echo c >/proc/sysrq-trigger"], {}, "gave up .panic"),
    ],
)
def test_a_guest_that_hangs_or_dies_is_told_with_its_log(
    in_guest: Callable[..., Outcome], command: list[str], named: dict[str, Any], message: str
) -> None:
    started_s = time.monotonic()
    with pytest.raises(GuestError, match=message) as error:
        in_guest(*command, **named)
    assert time.monotonic() - started_s < 15
    assert error.value.log is not None
    assert error.value.last_lines
    error.value.log.unlink()


def test_a_guest_without_memory_left_says_so(in_guest: Callable[..., Outcome]) -> None:
    program = "parts = [bytearray(2**20) for _ in range(150)]; import os; os.fork(); os.fork();"
    program += "[p.__setitem__(slice(None), b'x' * 2**20) for p in parts]; os.pause()"
    with pytest.raises(GuestError, match="ran out of memory: 256 MB") as error:
        in_guest(sys.executable, "-S", "-c", program, memory_mb=256)
    assert error.value.log is not None
    error.value.log.unlink()


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_ctrl_c_lets_the_command_finish(kernel: GuestKernel, clock: str) -> None:
    script = "trap 'echo tidied; exit 42' INT; echo ready; while :; do sleep 1; done"
    with caller(kernel, ["sh", "-c", script], clock=clock) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"tidied\n42\n"
    assert eventually(lambda: not folder.exists())


def test_ctrl_c_ends_a_command_that_does_not_listen(kernel: GuestKernel) -> None:
    script = "trap '' INT; echo ready; while :; do sleep 1; done"
    with caller(kernel, ["sh", "-c", script], grace_s=1) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        assert process.stdout.readline() == b"ready\n"
        assert guests_of(folder)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 1
    assert not folder.exists()
    assert not guests_of(folder)


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_a_killed_caller_leaves_nothing_behind(kernel: GuestKernel, clock: str) -> None:
    script = "sleep 1000 & echo ready; while :; do sleep 1; done"
    with caller(kernel, ["sh", "-c", script], clock=clock) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        assert process.stdout.readline() == b"ready\n"
        assert len(guests_of(folder)) > 1
        process.kill()
    assert eventually(lambda: not guests_of(folder) and not folder.exists())


def test_a_shell_on_a_terminal(kernel: GuestKernel) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (33, 99))
    modes = termios.tcgetattr(theirs)
    shell = ["sh", "-c", "PS1='ready> ' exec bash --norc --noprofile"]
    heard = b""

    def hear(text: bytes) -> None:
        nonlocal heard
        until_s = time.monotonic() + 15
        while text not in heard:
            assert select.select([ours], [], [], until_s - time.monotonic())[0], heard
            heard += os.read(ours, 4096)
        heard = heard.partition(text)[2]

    with caller(kernel, shell, terminal=theirs, clock="real", console=True) as process:
        hear(b"ready> ")
        os.write(ours, b"stty size; tty\r")
        hear(b"33 99\r\n/dev/tty1\r\n")
        hear(b"ready> ")
        os.write(ours, b"sh -c 'echo waiting; exec sleep 1000'\r")
        hear(b"\rwaiting\r\n")
        os.write(ours, b"\x03")
        hear(b"ready> ")
        termios.tcsetwinsize(theirs, (44, 120))
        os.write(ours, b"until stty size | grep 120; do sleep 0.1; done\r")
        hear(b"44 120\r\n")
        os.write(ours, b"exit 9\r")
        hear(b"\n9\r\n")
        assert process.wait(10) == 0
    assert termios.tcgetattr(theirs) == modes
    os.close(ours)
    os.close(theirs)
