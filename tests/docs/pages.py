"""Checks the blocks of a page one after another, in a folder of the page's own."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from experiments.cli.ending import ended
from experiments.cli.main import cli
from tests.docs.blocks import Block, blocks, words
from tests.docs.kinds import Cost, verdict

ROOT = Path(__file__).resolve().parents[2]
# What stands for the files that a reader has: a graph, a study, a Mininet script.
READERS_FILES = Path(__file__).resolve().parent / "files"
OURS = ("topologies", "controller", "traffic", "experiments", "guest", "tests")
_LIMIT_S = 7200


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing of a page: what it was, and what is wrong with it (empty: nothing).

    outcome: `ran`, `read` (it is right as far as reading tells), `left` (with the reason).
    """

    place: str
    what: str
    outcome: str
    told: str = ""

    @property
    def failed(self) -> bool:
        """Whether the page is wrong here."""
        return self.outcome == "failed"


def pages() -> list[Path]:
    """Every page that a user reads: the front page and all of docs/."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    kept = [page for page in found if "_build" not in page.parts]
    return [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *kept) if path.exists()]


def check_page(page: Path, folder: Path, *, slow: bool) -> Iterator[Checked]:
    """Check a page's blocks in `folder`, which stands for the source folder; slow ones if told."""
    _furnish(folder)
    with contextlib.chdir(folder):
        for block in blocks(page):
            place = block.place.removeprefix(f"{ROOT}/")
            if block.file:
                _write(folder / block.file, block.text)
            yield from _checked(block, place, slow)


def _furnish(folder: Path) -> None:
    """The source folder's files where a command looks for them; what it writes stays here."""
    for path in ROOT.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.name not in ("docs", "runs"):
            (folder / path.name).symlink_to(path)
    # Commands write here; the pictures are made anew.
    ignored = shutil.ignore_patterns("_build", "images")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=ignored)
    (folder / "docs" / "images").mkdir()
    shutil.copytree(READERS_FILES, folder, dirs_exist_ok=True)
    launcher = folder / "fibercut"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m experiments.cli "$@"\n')
    launcher.chmod(0o755)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _checked(block: Block, place: str, slow: bool) -> Iterator[Checked]:
    match block.language:
        case "sh" if block.file:
            yield Checked(place, f"the file {block.file}", "read")
        case "sh":
            yield from _commands(block, place, slow)
        case "python":
            yield from _python(block, place, slow)
        case "yaml" | "json" if not block.check.startswith("skip"):
            yield _data(block, place)


def _commands(block: Block, place: str, slow: bool) -> Iterator[Checked]:
    for command in block.commands():
        found = verdict(block, command)
        if found.cost is Cost.NEVER:
            yield (
                Checked(place, command, "left", found.reason)
                if found.reason
                else Checked(place, command, "failed", "a block that is skipped needs a reason")
            )
        elif found.cost is Cost.FAST:
            yield _result(place, command, *_within(command))
        elif slow:
            yield _result(place, command, *_outside(["bash", "-euo", "pipefail", "-c", command]))
        else:
            yield Checked(place, command, "left", "slow: python -m tests.docs --all")


def _within(command: str) -> tuple[int, str]:
    """Run one of our own commands in this process: no start, no shell."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        arguments = (words(command) or [])[1:]
        try:
            status = ended(lambda: cli.main(arguments, "fibercut", standalone_mode=False))
        except SystemExit as left:
            status = int(left.code or 0)
    return status, said.getvalue()


def _outside(command: list[str]) -> tuple[int, str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path.cwd()),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return 1, f"not done after {_LIMIT_S} s"
    return done.returncode, done.stdout + done.stderr


def _result(place: str, what: str, status: int, said: str) -> Checked:
    if status:
        return Checked(place, what, "failed", f"exit status {status}\n{said.strip()[-2000:]}")
    return Checked(place, what, "ran")


def _python(block: Block, place: str, slow: bool) -> Iterator[Checked]:
    what = "Python"
    try:
        tree = ast.parse(block.text)
    except SyntaxError as error:
        yield Checked(place, what, "failed", str(error))
        return
    wrong = [name for name in _names(tree) if not _exists(*name)]
    if wrong:
        told = ", ".join(".".join(filter(None, name)) for name in wrong)
        yield Checked(place, what, "failed", f"there is no {told}")
    elif block.check == "run" and slow:
        yield _result(place, what, *_outside([sys.executable, "-c", block.text]))
    else:
        yield Checked(place, what, "read")


def _names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What the code imports of ours: module and name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, "") for a in node.names if a.name.split(".")[0] in OURS)


def _exists(module: str, name: str) -> bool:
    try:
        found = importlib.util.find_spec(module)
        if found is None or not name:
            return found is not None
        loaded = importlib.import_module(module)
        return hasattr(loaded, name) or importlib.util.find_spec(f"{module}.{name}") is not None
    except ImportError:
        return False


def _data(block: Block, place: str) -> Checked:
    """YAML and JSON must be readable; a whole scenario must be valid, too."""
    try:
        data = json.loads(block.text) if block.language == "json" else YAML().load(block.text)
    except (ValueError, YAMLError) as error:
        return Checked(place, block.language, "failed", str(error))
    if isinstance(data, dict) and {"name", "topology", "duration_s"} <= set(data):
        path = Path(block.file or f"{data['name']}.yaml")
        _write(path, block.text)
        return _result(place, "a scenario", *_within(f"fibercut validate {path}"))
    return Checked(place, block.language, "read")
