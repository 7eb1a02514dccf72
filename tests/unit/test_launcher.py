"""The launcher ./fibercut and its set-up, in a copy of the repository's top level."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING_INSTALLED = """#!/bin/sh
for word; do printf 'installed:%s ' "$word"; done
"""
PRINTS_ITS_ARGUMENTS = """#!/bin/sh
printf '%s\\n' "$PYTHONPATH" "$PWD" "$@"
"""


class Checkout:
    """A copy with its own PATH, in which programs of the system can be replaced."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a copy of it's own"
        self.root.mkdir()
        shutil.copy(ROOT / "fibercut", self.root)
        shutil.copytree(ROOT / "provision", self.root / "provision")
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.environment = {"PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def replace(self, program: str | Path, text: str) -> None:
        path = self.programs / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a link's target is the system's
        path.write_text(text)
        path.chmod(0o755)

    def run(
        self, *arguments: str, program: Path | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program or self.root / "fibercut"), *arguments],
            cwd=cwd or "/",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return _checkout(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return _ready(tmp_path_factory.mktemp("ready"))


def _checkout(folder: Path) -> Checkout:
    made = Checkout(folder)
    made.replace("dpkg-query", EVERYTHING_INSTALLED)
    made.environment |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    return made


def _ready(folder: Path) -> Checkout:
    """A copy whose set-up is finished, with a stand-in for its virtual environment."""
    made = _checkout(folder)
    _needs_only_pip(made)
    _has_an_environment(made)
    done = made.run("anything")
    assert done.returncode == 0, done.stderr
    return made


def _has_an_environment(checkout: Checkout) -> None:
    venv = checkout.root / ".venv"
    checkout.replace(venv / "bin" / "python", PRINTS_ITS_ARGUMENTS)
    made_for = f"{Path('/usr/bin/python3').resolve()}\n{checkout.root}"
    (venv / ".fibercut-base").write_text(made_for)


def _needs_only_pip(checkout: Checkout) -> None:
    (checkout.root / "provision" / "requirements.lock").write_text("pip\n")
    (checkout.root / "experiments" / "cli").mkdir(parents=True, exist_ok=True)
    (checkout.root / "experiments" / "cli" / "__main__.py").touch()


def _refuse_system_changes(checkout: Checkout) -> None:
    checkout.replace(
        "dpkg-query", "#!/bin/sh\nprintf 'installed:python3 installed:python3-venv '\n"
    )
    checkout.replace("id", "#!/bin/sh\necho 1000\n")
    checkout.replace("apt-get", "#!/bin/sh\necho must not be called; exit 99\n")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("run", "-h")])
def test_help_needs_no_set_up(checkout: Checkout, arguments: tuple[str, ...]) -> None:
    done = checkout.run(*arguments)
    assert done.returncode == 0
    assert "./fibercut demo" in done.stdout
    assert not (checkout.root / ".venv").exists()


def test_without_root_the_one_line_to_type_is_told(checkout: Checkout) -> None:
    _refuse_system_changes(checkout)
    done = checkout.run("demo")
    assert done.returncode == 2
    assert "mininet openvswitch-switch" in done.stderr
    (line,) = [line.strip() for line in done.stderr.splitlines() if "sudo" in line]
    # What is told must survive being pasted into a shell.
    words = subprocess.run(
        ["/bin/sh", "-c", f'sudo() {{ printf %s "$*"; }}; {line}'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert words.stdout == str(checkout.root / "provision" / "system.sh")


def test_a_system_without_dpkg_is_told_what_to_use(checkout: Checkout) -> None:
    for program in ("readlink", "dirname", "sed", "cat", "sha256sum", "id", "xargs"):
        (checkout.programs / program).symlink_to(f"/usr/bin/{program}")
    (checkout.programs / "dpkg-query").unlink()
    checkout.environment["PATH"] = str(checkout.programs)
    done = checkout.run("demo")
    assert done.returncode == 2
    assert "Debian and Ubuntu only" in done.stderr


def test_a_finished_set_up_hands_over_at_once(ready: Checkout, tmp_path: Path) -> None:
    done = ready.run("exec", "--", "echo", "two words", cwd=tmp_path)
    assert done.stderr == ""
    folder, cwd, *arguments = done.stdout.splitlines()
    assert (folder, cwd) == (str(ready.root), str(tmp_path))
    assert arguments == ["-m", "experiments.cli", "exec", "--", "echo", "two words"]


def test_it_can_be_started_through_a_link(ready: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "linked"
    link.symlink_to(ready.root / "fibercut")
    assert ready.run("list", program=link).stdout.splitlines()[0] == str(ready.root)


@pytest.mark.parametrize("name", ["requirements.lock", "packages.txt", "build-constraints.txt"])
def test_other_requirements_mean_another_set_up(ready: Checkout, name: str) -> None:
    with (ready.root / "provision" / name).open("a") as file:
        file.write("\n# changed\n")
    done = ready.run("list")
    assert "setting up" in done.stderr


def test_a_moved_folder_is_set_up_anew_and_a_failure_is_gone_on_from(tmp_path: Path) -> None:
    made = _ready(tmp_path)
    made.root = made.root.rename(tmp_path / "moved")
    shutil.copy(ROOT / "provision" / "requirements.lock", made.root / "provision")
    for _ in range(2):
        done = made.run("demo")
        assert done.returncode == 1
        assert "No matching distribution found" in done.stderr
        log = made.root / ".venv" / "set-up.log"
        assert str(log) in done.stderr
        assert log.stat().st_size > 0
    _needs_only_pip(made)
    assert made.run("demo").returncode == 0


def test_the_doctor_starts_where_system_packages_are_missing(checkout: Checkout) -> None:
    _has_an_environment(checkout)
    _refuse_system_changes(checkout)
    done = checkout.run("doctor")
    assert done.returncode == 0, done.stderr
    assert checkout.run("demo").returncode == 2


def test_the_second_start_costs_next_to_nothing(ready: Checkout) -> None:
    ready.run("list")
    start_ns = time.monotonic_ns()
    ready.run("list")
    assert time.monotonic_ns() - start_ns < 100e6


def test_who_does_not_own_the_folder_leaves_no_bytecode(tmp_path: Path) -> None:
    ready = _ready(tmp_path)
    tells = '#!/bin/sh\necho "[${PYTHONDONTWRITEBYTECODE-}]"\n'
    ready.replace(ready.root / ".venv" / "bin" / "python", tells)
    assert ready.run("list").stdout == "[]\n"
    if os.geteuid() == 0:  # only root can be another than the owner
        os.chown(ready.root, 12345, -1)
        assert ready.run("list").stdout == "[1]\n"
