"""The library that is preloaded into Open vSwitch."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from guest.errors import SetupError
from guest.switches import switches_library

# In a process with the library: poll under a thread's name, and say how long it took.
_PROBE = """
import ctypes, select, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)  # PR_SET_NAME
begin = time.monotonic()
for _ in range(40):
    select.poll().poll(int(sys.argv[2]))
print(time.monotonic() - begin)
"""

# In a process with the library: join a group of a netlink family, and say whether it joined.
_JOIN = """
import socket, sys
told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, int(sys.argv[1]))
told.setsockopt(270, 1, 1)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
print(any(told.getsockopt(270, 9, 4)))  # NETLINK_LIST_MEMBERSHIPS
"""
_ROUTE, _GENERIC = 0, 16


def waited_s(library: Path, thread: str, timeout_ms: int) -> float:
    """How long 40 polls take in a thread of that name."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, thread, str(timeout_ms)],
        env={"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def test_only_the_revalidators_short_pause_is_left_out(tmp_path: Path) -> None:
    library = switches_library(tmp_path)
    assert waited_s(library, "revalidator7", 5) < 0.1
    assert waited_s(library, "revalidator7", 6) >= 0.24
    assert waited_s(library, "handler3", 5) >= 0.2


def joined(library: Path, family: int) -> str:
    """Whether the first group of a netlink family was joined."""
    done = subprocess.run(
        [sys.executable, "-c", _JOIN, str(family)],
        env={"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_only_the_groups_of_generic_netlink_are_not_joined(tmp_path: Path) -> None:
    library = switches_library(tmp_path)
    assert joined(library, _ROUTE) == "True"
    assert joined(library, _GENERIC) == "False"


# In a process with the library: how many different times 650 reads give, whether the clock has
# moved over a poll, and whether a loop that waits for it comes to its end.
_READ = """
import select, time
def moves(call):
    before = time.monotonic_ns()
    call()
    return time.monotonic_ns() - before >= 10_000_000
print(len({time.monotonic_ns() for _ in range(650)}), moves(lambda: select.poll().poll(10)))
end = time.monotonic() + 0.02
while time.monotonic() < end:
    pass
print("ended")
"""


def clock_reads(library: Path, **variables: str) -> list[str]:
    """What _READ says."""
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        env={"LD_PRELOAD": str(library), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_clock_is_read_again_after_a_sleep_and_now_and_then(tmp_path: Path) -> None:
    library = switches_library(tmp_path)
    different, moved, ended = clock_reads(library, CLOCK_STANDS_STILL="1")
    assert 10 <= int(different) <= 11  # one read in 65 is a system call
    assert moved == "True"
    assert ended == "ended"  # a loop that waits for the clock


def test_a_clock_that_goes_on_is_read_each_time(tmp_path: Path) -> None:
    different, moved, _ = clock_reads(switches_library(tmp_path))
    assert int(different) > 600
    assert moved == "True"


def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = switches_library(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert switches_library(tmp_path) == first
    with pytest.raises(SetupError, match="gcc"):
        switches_library(tmp_path / "elsewhere")
    ctypes.CDLL(str(first))  # it can be loaded
