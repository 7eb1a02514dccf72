"""`fibercut docs`: the documentation as pages for a browser, every link of it checked."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from experiments.cli.telling import json_option, print_json, quiet_option, say
from experiments.failure import FailedRunError
from topologies.problems import InputError, Problem

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the pages.  [default: docs/_build/html]",
)
@click.option("--external", is_flag=True, help="Ask for every page of others that is linked, too.")
@json_option
@quiet_option()
def docs(out: Path | None, external: bool, as_json: bool) -> int:
    """Build the documentation (docs/) for a browser. A dead link is an error.

    The reference of commands and fields is made of the program itself.

    Exit status: 0, or 1 if a page has a dead link or another mistake.
    """
    _check_there()
    folder = (out or PAGES / "_build" / "html").resolve()
    mistakes = _sphinx("html", folder)
    if external:
        mistakes += _sphinx("linkcheck", folder.parent / "links")
    index = folder / "index.html"
    if as_json:
        print_json({"page": str(index), "mistakes": mistakes})
    elif mistakes:
        told = "\n".join(mistakes)
        raise FailedRunError(f"the documentation has mistakes:\n{told}")
    else:
        say(f"{index}")
    return 1 if mistakes else 0


def _check_there() -> None:
    if not (PAGES / "conf.py").is_file():
        message = f"there are no pages in {PAGES}; run ./fibercut docs in Fibercut's source folder"
        raise InputError([Problem("docs", message)])
    if find_spec("sphinx") is None:
        message = "Sphinx is not installed; install Fibercut's extra 'docs' (pip install '.[docs]')"
        raise InputError([Problem("docs", message)])


def _sphinx(builder: str, folder: Path) -> list[str]:
    """Run one of Sphinx' builders; what it says is wrong."""
    say(f"docs: {builder} …")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-b", builder]
    done = subprocess.run(
        [*command, str(PAGES), str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if done.returncode and not lines:
        return [f"Sphinx ended with status {done.returncode}"]
    return lines if done.returncode else []
