"""What a guest is started with: limits, memory, core, environment."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.errors import GuestError, SetupError
from guest.host import check_memory, choose_core, memory_folder
from guest.relay import Relay
from guest.settings import GuestSettings
from guest.share import Share, guest_environment
from guest.watch import Sight, Watch


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    made = Share(tmp_path)
    yield made
    made.remove()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed: -1"),
        ({"seed": 2**64}, "seed"),
        ({"memory_mb": 16}, "memory_mb: 16"),
        ({"clock": "fast"}, "clock: 'fast'"),
        ({"console": True}, "console"),
        ({"wall_limit_s": 0}, "wall_limit_s: 0"),
        ({"stall_limit_s": float("nan")}, "stall_limit_s: nan"),
        ({"env": {"A=B": "c"}}, "env: 'A=B'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        GuestSettings(**settings)


def test_a_guest_larger_than_the_host_is_refused(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  4096000 kB\nMemAvailable:  1048576 kB\n")
    check_memory(1024, meminfo)
    with pytest.raises(SetupError, match="may take 1025 MB, and this machine has 1024 MB"):
        check_memory(1025, meminfo)


def test_the_memory_folder_is_the_first_that_is_fit(tmp_path: Path) -> None:
    names = ("disk", "noexec", "small", "a good one")
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\n"
        f"tmpfs {folders[1]} tmpfs rw,noexec 0 0\ntmpfs {folders[2]} tmpfs rw 0 0\n"
        f"tmpfs {tmp_path}/a\\040good\\040one tmpfs rw 0 0\n"
    )

    def free_mb(path: Path) -> float:
        return 64 if path.name == "small" else 4096

    candidates = [tmp_path / "none", *folders]
    assert memory_folder(1024, candidates, mounts, free_mb) == folders[3]
    with pytest.raises(SetupError) as error:
        memory_folder(1024, candidates[:-1], mounts, free_mb)
    for reason in ("none is not a folder", "disk is not in memory", "noexec", "64 MB free"):
        assert reason in str(error.value)


def test_guests_side_by_side_take_different_cores(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    cores = [choose_core(None, tmp_path) for _ in allowed]
    assert {core.number for core in cores} == allowed
    one_more = choose_core(None, tmp_path)  # shares one
    assert one_more.number in allowed
    cores[0].release()
    assert choose_core(None, tmp_path).number == cores[0].number
    for core in cores:
        core.release()


def test_a_core_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="core: 4096 is not allowed here"):
        choose_core(4096, tmp_path)


def test_the_environment_is_a_few_variables_and_what_was_asked() -> None:
    caller = {"HOME": "/home/ada", "PATH": "/opt/bin:/usr/bin", "API_TOKEN": "x", "LC_ALL": "C"}
    environment = guest_environment(caller, GuestSettings(env={"COLOUR": "red", "HOME": "/h"}))
    assert environment["HOME"] == "/h"
    assert environment["COLOUR"] == "red"
    assert environment["LC_ALL"] == "C"
    assert "API_TOKEN" not in environment
    path = environment["PATH"].split(":")
    assert path[:2] == ["/opt/bin", "/usr/bin"]
    assert "/usr/sbin" in path
    assert len(path) == len(set(path))


def test_what_cannot_run_in_the_guest_is_refused(share: Share) -> None:
    with pytest.raises(SetupError, match="empty"):
        share.describe([], GuestSettings(), None)
    with pytest.raises(SetupError, match=r"cwd: .*the guest has a /dev of its own"):
        share.describe(["true"], GuestSettings(cwd=Path("/dev/shm")), None)


def test_half_written_status_is_no_status(share: Share) -> None:
    assert share.ended() is None
    (share.folder / "status").write_text("1")
    assert share.ended() is None
    (share.folder / "status").write_text("1 1700000011.25\n")
    assert share.ended() == (1, 1700000011.25)


def test_a_standing_clock_without_output_is_a_stall() -> None:
    watch = Watch(GuestSettings(stall_limit_s=5))
    assert watch.objection(Sight(1, 10, 0, 0)) is None
    assert watch.objection(Sight(5.9, 10, 0, 0)) is None
    assert watch.objection(Sight(6, 10, 1, 0)) is None  # it has written something
    assert watch.objection(Sight(10, 11, 1, 0)) is None  # the clock has moved
    assert watch.objection(Sight(15, 11, 1, 0)) is None
    assert "stood still for 5 s" in str(watch.objection(Sight(15.1, 11, 1, 0)))


def test_limits_of_both_clocks() -> None:
    watch = Watch(GuestSettings(wall_limit_s=60, virtual_limit_s=1000))
    assert watch.objection(Sight(60, 1, 0, 1000)) is None
    assert "wall_limit_s" in str(watch.objection(Sight(60.1, 2, 0, 0)))
    assert "virtual_limit_s" in str(watch.objection(Sight(1, 3, 0, 1000.1)))


def test_the_real_clock_never_stalls() -> None:
    watch = Watch(GuestSettings(clock="real", stall_limit_s=1))
    assert [watch.objection(Sight(s, None, 0, 0)) for s in (0, 5, 50)] == [None] * 3


def test_output_is_relayed_byte_by_byte(tmp_path: Path) -> None:
    path, sink = tmp_path / "stdout", io.BytesIO()
    relay = Relay(path, sink)
    data = bytes(range(256)) * 80_000  # more than one piece of given-back space
    with open(path, "ab") as file:
        file.write(data)
    deadline = time.monotonic() + 10
    while relay.backlog_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
    with open(path, "ab") as file:
        file.write(b"end")
    relay.finish()
    assert sink.getvalue() == data + b"end"
    assert path.stat().st_blocks * 512 < len(data) // 2


def test_a_sink_that_breaks_is_told(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb", buffering=0) as sink:
        relay = Relay(tmp_path / "stdout", sink)
        (tmp_path / "stdout").write_bytes(b"x")
        relay.finish()
    assert isinstance(relay.error, BrokenPipeError)


def test_an_error_names_the_log_and_shows_its_end() -> None:
    error = GuestError("It died", log=Path("/x/guest.log"), last_lines=["panic", "bye"])
    assert str(error).splitlines() == [
        "It died",
        "The guest's log is /x/guest.log",
        "Its last lines:",
        "  panic",
        "  bye",
    ]
