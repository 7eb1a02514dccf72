"""The Vagrantfile is one that Vagrant takes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


needs_vagrant = pytest.mark.skipif(
    not shutil.which("vagrant"), reason="vagrant is missing: apt install vagrant"
)


@needs_vagrant
def test_vagrant_accepts_the_vagrantfile(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Vagrantfile", tmp_path)
    shutil.copytree(ROOT / "provision", tmp_path / "provision")
    done = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=tmp_path,
        env=os.environ
        | {
            "VAGRANT_HOME": str(tmp_path / "home"),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
            "VAGRANT_NO_PLUGINS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@needs_vagrant  # whose package brings rsync
def test_results_come_back_from_the_machine(tmp_path: Path) -> None:
    """With `vagrant` and `ssh` as stand-ins: the machine is a folder of this one."""
    project, machine = tmp_path / "a project", tmp_path / "machine"
    shutil.copytree(ROOT / "provision", project / "provision")
    (machine / "fibercut" / "runs" / "cut-1").mkdir(parents=True)
    (machine / "fibercut" / "runs" / "cut-1" / "summary.json").write_text("{}")
    (machine / "fibercut" / "runs" / "cut-2.partial").mkdir()
    stand_ins = {
        "vagrant": f'[ "$*" = "ssh-config --host fibercut" ] && [ -d "{machine}" ]',
        "ssh": f'[ "$1" = -F ] && shift 3; cd "{machine}" && exec sh -c "$*"',
    }
    for name, script in stand_ins.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    command = ["sh", str(project / "provision" / "fetch-results.sh")]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (project / "runs").iterdir()] == ["cut-1"]
    assert (project / "runs" / "cut-1" / "summary.json").exists()
    assert not list(tmp_path.glob("fibercut-ssh.*"))

    shutil.rmtree(machine)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "vagrant up" in done.stderr
