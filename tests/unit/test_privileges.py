"""Root for the clock `real`: through sudo where it is open, and the results stay the caller's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from experiments import privileges

OWNER = (1234, 2345)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of what changes its owner, as if root ran for a caller of sudo."""
    names: set[str] = set()

    def chown(path: str | Path, user: int, group: int, **options: object) -> None:
        assert (user, group) == OWNER
        assert options["follow_symlinks"] is False
        names.add(Path(path).name)

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(privileges, "is_root", lambda: True)
    monkeypatch.setenv("SUDO_UID", str(OWNER[0]))
    monkeypatch.setenv("SUDO_GID", str(OWNER[1]))
    return names


def _sudo(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "sudo"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(("script", "is_open"), [("exit 0", True), ("exit 1", False)])
def test_sudo_is_asked_without_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, is_open: bool
) -> None:
    _sudo(tmp_path, monkeypatch, f'[ "$*" = "-n true" ] || exit 9\n{script}')
    assert privileges.sudo_is_open() is is_open


def test_the_command_goes_on_through_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _sudo(tmp_path, monkeypatch, 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    command = privileges.sudo_command(
        ["validate", "no such file"],
        {"NO_COLOR": "1", "SECRET": "x", "FIBERCUT_DEBIAN_MIRROR": "m"},
    )
    assert "NO_COLOR=1" in command
    assert "FIBERCUT_DEBIAN_MIRROR=m" in command
    assert not any("SECRET" in word for word in command)
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, "no such file" in done.stderr) == (2, True), done.stderr


def test_nothing_is_started_for_who_is_root_or_must_type_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "execvp", lambda *_: pytest.fail("started"))
    for root, sudo in ((True, True), (True, False), (False, False)):
        monkeypatch.setattr(privileges, "is_root", lambda root=root: root)
        monkeypatch.setattr(privileges, "sudo_is_open", lambda sudo=sudo: sudo)
        privileges.go_on_as_root()


def test_new_results_belong_to_the_caller_and_old_ones_stay(
    tmp_path: Path, given: set[str]
) -> None:
    (tmp_path / "old").mkdir()
    with privileges.results_for_caller(tmp_path):
        (tmp_path / "new" / "trials").mkdir(parents=True)
        (tmp_path / "new" / "trials" / "job.json").touch()
        (tmp_path / "new" / "elsewhere").symlink_to("/")
        (tmp_path / "latest").symlink_to("new")
    assert given == {"new", "trials", "job.json", "elsewhere", "latest"}


def test_a_new_folder_belongs_to_the_caller_even_if_the_run_fails(
    tmp_path: Path, given: set[str]
) -> None:
    def failing_run() -> None:
        with privileges.results_for_caller(tmp_path / "runs"):
            (tmp_path / "runs" / "x.partial").mkdir(parents=True)
            raise KeyError

    with pytest.raises(KeyError):
        failing_run()
    assert given == {"runs", "x.partial"}


def test_without_sudo_nothing_changes_its_owner(
    tmp_path: Path, given: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_UID")
    with privileges.results_for_caller(tmp_path):
        (tmp_path / "new").mkdir()
    assert given == set()
