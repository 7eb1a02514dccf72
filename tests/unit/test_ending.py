"""Every way a command can end: its exit status, its message, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from experiments.cli.ending import ended
from experiments.cli.main import COMMANDS, cli
from experiments.failure import FailedRunError
from guest.errors import GuestError, SetupError
from topologies.problems import InputError, Problem

ROOT = Path(__file__).resolve().parents[2]
TWO_PROBLEMS = InputError([Problem("a.yaml:1", "is bad"), Problem("a.yaml:2", "is worse")])


def _raises(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (TWO_PROBLEMS, 2, "a.yaml:1: is bad\na.yaml:2: is worse\n"),
        (FailedRunError("no heal", Path("/x.log")), 1, "fibercut: no heal (log: /x.log)\n"),
        (GuestError("the guest hung"), 1, "fibercut: the guest hung\n"),
        (SetupError("no compiler"), 2, "fibercut: no compiler\n"),
        (KeyboardInterrupt(), 130, "fibercut: interrupted\n"),
        (click.Abort(), 130, "fibercut: interrupted\n"),
        (click.BadParameter("bad"), 2, "Error: Invalid value: bad\n"),
    ],
)
def test_errors_become_a_status_and_a_message(
    error: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(_raises(error)) == status
    told = capsys.readouterr()
    assert told.err.endswith(message)
    assert told.out == ""


def test_an_internal_error_is_one_line_and_leaves_its_traceback_in_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert ended(_raises(ValueError("boom\nmore"))) == 1
    (line,) = capsys.readouterr().err.splitlines()
    (log,) = (tmp_path / "fibercut").iterdir()
    assert "internal error" in line
    assert str(log) in line
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("reader", "status", "message"),
    [("/dev/full", 1, "fibercut: No space left on device: where the output goes"), (None, 1, "")],
)
def test_output_that_nobody_takes_is_no_internal_error(
    reader: str | None, status: int, message: str
) -> None:
    if reader is None:
        reads, writes = os.pipe()
        os.close(reads)
    else:
        writes = os.open(reader, os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli", "schema", "scenario"],
        cwd=ROOT,
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writes)
    assert done.returncode == status
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == bool(message)


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (3, 3)])
def test_a_commands_own_return_value_is_its_status(returned: object, status: int) -> None:
    assert ended(lambda: returned) == status


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(lambda: cli.main([name, "--help"], "fibercut", standalone_mode=False)) == 0
    assert f"Usage: fibercut {name}" in capsys.readouterr().out


def test_an_unknown_command_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(lambda: cli.main(["rum"], "fibercut", standalone_mode=False)) == 2
    assert "No such command 'rum'" in capsys.readouterr().err
