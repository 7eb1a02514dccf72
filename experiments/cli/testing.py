"""`fibercut test`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from experiments.cli.options import kernel_source as kernel_source_option
from experiments.failure import FailedRunError
from experiments.host_checks import available_memory_mb
from guest.kernel import provide_kernel

ROOT = Path(__file__).resolve().parents[2]
UNIT = "tests/unit"
EMULATION = "tests/emulation"
BROWSER = "tests/browser"
# A guest takes one core and about this much memory.
_GUEST_MEMORY_MB = 2048

_CODE_CHECKS = {
    "ruff": ("-m", "ruff", "check", "--quiet", "."),
    "mypy": ("-m", "mypy", "--no-error-summary"),
    "import linter": ("-c", "from importlinter.cli import lint_imports_command as f; f()"),
}


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--unit", is_flag=True, help="Only the unit tests: no guest, seconds.")
@click.option(
    "--strict-skips", is_flag=True, help="A skipped test is a failure (as when CI=true is set)."
)
@kernel_source_option
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST_ARGUMENTS]...")
def test(
    unit: bool,
    strict_skips: bool,
    kernel_source: Path | None,
    pytest_args: tuple[str, ...],
) -> int:
    """Check the code (ruff, mypy, import linter), then run the tests.

    The emulation tests boot guests; the guest kernel is built first if there is none.
    PYTEST_ARGUMENTS go to pytest: options (-k NAME, -x) or the tests to run instead of all.

    Exit status: 0 if every check and every test passed, else 1.
    """
    if not (ROOT / UNIT).is_dir():
        raise FailedRunError(
            f"there are no tests in {ROOT}: run ./fibercut test in Fibercut's source folder"
        )
    failed = _check_code(Console(stderr=True, highlight=False))
    targets = _targets(pytest_args, unit=unit)
    parallel: list[str] = []
    if any(path in word for word in (*targets, *pytest_args) for path in (EMULATION, BROWSER)):
        provide_kernel(kernel_source)
        parallel = _side_by_side()
    strict = ["--strict-skips"] if strict_skips else []
    if _run("-m", "pytest", *strict, *parallel, *pytest_args, *targets):
        failed.append("pytest")
    if failed:
        raise FailedRunError(f"failed: {', '.join(failed)}")
    return 0


def _check_code(console: Console) -> list[str]:
    failed = []
    for name, command in _CODE_CHECKS.items():
        with console.status(f"{name} …"):
            done = subprocess.run(
                [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
            )
        if done.returncode:
            failed.append(name)
            click.echo(done.stdout + done.stderr, nl=False)
        console.print(f"{name}: {'failed' if done.returncode else 'ok'}")
    return failed


def _targets(pytest_args: Sequence[str], *, unit: bool) -> list[str]:
    """The tests to run unless the user's own arguments name some."""
    if any((ROOT / word.partition("::")[0]).exists() for word in pytest_args if word[:1] != "-"):
        return []
    return [
        folder
        for folder in ([UNIT] if unit else [UNIT, EMULATION, BROWSER])
        if (ROOT / folder).is_dir()
    ]


def _side_by_side() -> list[str]:
    """Options of pytest for as many guests at once as cores and memory allow."""
    guests = min(len(os.sched_getaffinity(0)), available_memory_mb() // _GUEST_MEMORY_MB)
    return ["-n", str(guests), "--dist", "loadfile"] if guests > 1 else []


def _run(*command: str) -> int:
    return subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode
