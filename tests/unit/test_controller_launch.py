"""Starting and ending the controller as a process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.controller_plans import Edge, plan_of

LAUNCH = [sys.executable, "-m", "controller.launch"]
_DEADLINE_S = 30.0


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a")]).model_dump_json())
    return path


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def refusal(*arguments: str) -> list[str]:
    done = subprocess.run([*LAUNCH, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def wait_for(path: Path, event: str) -> list[dict[str, object]]:
    give_up_at = time.monotonic() + _DEADLINE_S
    while time.monotonic() < give_up_at:
        lines = path.read_text().splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        if any(record["event"] == event for record in records):
            return records
        time.sleep(0.02)
    raise AssertionError(f"no event {event!r} in {_DEADLINE_S} s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_and_ends_cleanly_within_a_second(
    plan_file: Path, tmp_path: Path, port: int, number: signal.Signals
) -> None:
    events = tmp_path / "events.jsonl"
    what = ["--plan", str(plan_file), "--policy", "fast-reroute", "--events", str(events)]
    with subprocess.Popen([*LAUNCH, *what, "--port", str(port)], stderr=subprocess.PIPE) as process:
        wait_for(events, "listening")
        with socket.create_connection(("127.0.0.1", port)):
            started = time.monotonic()
            process.send_signal(number)
            assert process.wait(_DEADLINE_S) == 0
            assert time.monotonic() - started < 1.5
        assert process.stderr is not None
        assert process.stderr.read() == b""
    records = wait_for(events, "stopping")
    names = [record["event"] for record in records]
    assert names[-1] == "stopping"
    assert {"paths-computed", "listening"} < set(names)
    stamps = [record["t_ns"] for record in records]
    assert all(isinstance(stamp, int) and stamp > 0 for stamp in stamps)


def test_any_ryu_application_runs_unchanged(tmp_path: Path, port: int) -> None:
    events = tmp_path / "events.jsonl"
    app = ["--app", "ryu.app.simple_switch_stp_13", "--events", str(events)]
    with subprocess.Popen([*LAUNCH, *app, "--port", str(port)]) as process:
        wait_for(events, "listening")
        with socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE_S) as switch:
            hello = switch.recv(8)
        process.terminate()
        assert process.wait(_DEADLINE_S) == 0
    assert hello[1] == 0  # OFPT_HELLO


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, busy_port: int) -> None:
    missing = tmp_path / "none.json"
    what = ["--plan", str(missing), "--policy", "fast-rerute", "--port", str(busy_port)]
    told = refusal(*what)
    beginnings = [
        "--events: a policy needs it; ",
        "--policy: unknown policy 'fast-rerute' (did you mean 'fast-reroute'?); ",
        f"{missing}: cannot read the plan: No such file or directory; ",
        f"127.0.0.1:{busy_port}: the port is in use, perhaps by another controller; ",
    ]
    assert len(told) == len(beginnings)
    for line, beginning in zip(told, beginnings, strict=True):
        assert line.startswith(beginning)


def test_a_bad_plan_is_told_with_the_place(tmp_path: Path, plan_file: Path, port: int) -> None:
    data = json.loads(plan_file.read_text())
    data["spans"][1]["delay_us"] = "long"
    plan_file.write_text(json.dumps(data))
    events = tmp_path / "events.jsonl"
    what = ["--plan", str(plan_file), "--policy", "restoration", "--events", str(events)]
    (line,) = refusal(*what, "--port", str(port))
    assert line.startswith(f"{plan_file}: spans[1].delay_us: ")
    assert "'long'" in line
    assert not events.exists()


def test_what_cannot_be_written_or_found_is_told(
    tmp_path: Path, plan_file: Path, port: int
) -> None:
    events = tmp_path / "no-such-folder" / "events.jsonl"
    what = ["--plan", str(plan_file), "--policy", "restoration", "--events", str(events)]
    (line,) = refusal(*what, "--port", str(port))
    assert line.startswith(f"{events}: cannot write events: ")
    (line,) = refusal("--app", "no.such.app", "--port", str(port))
    assert "'no.such.app'" in line
    (line,) = refusal("--app", "ryu.app.simple_switch_13", "--port", "70000")
    assert line.startswith("--port: 70000 ")
    (line,) = refusal("--app", "ryu.app.simple_switch_13", "--listen", "203.0.113.9")
    assert line.startswith("203.0.113.9:6653: cannot listen there")
