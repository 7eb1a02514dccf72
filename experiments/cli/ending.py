"""How every command ends: an exit status and one clear message, never a traceback."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from experiments.failure import FailedRunError
from experiments.versions import fibercut_version
from guest.errors import GuestError, SetupError
from topologies.problems import InputError

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT)


def ended(command: Callable[[], object]) -> int:
    """Run a command and return its exit status; what went wrong is said on stderr.

    A command's own return value is its exit status if it is an integer, else 0.
    """
    try:
        status = command()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last place for a message
        status, message = _told(error)
        click.echo(message, err=True)
    return status if isinstance(status, int) else 0


def _told(error: BaseException) -> tuple[int, str]:
    match error:
        case InputError():
            return BAD_INPUT, str(error)
        case SetupError():
            return BAD_INPUT, f"fibercut: {error}"
        case FailedRunError() | GuestError():
            return FAILED, f"fibercut: {error}"
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED, "fibercut: interrupted"
        case OSError(errno=number) if number in _FULL:
            where = error.filename or "where the output goes"
            return FAILED, f"fibercut: {error.strerror}: {where}; make room and start again"
        case _:
            return FAILED, _internal_error(error)


def _internal_error(error: BaseException) -> str:
    summary = f"{type(error).__name__}: {error}".partition("\n")[0]
    try:
        log = _write_log(error)
    except OSError as refused:
        return f"fibercut: internal error, please report it: {summary} (no log: {refused})"
    return f"fibercut: internal error, please report it with the log {log}: {summary}"


def _write_log(error: BaseException) -> Path:
    text = (
        f"fibercut {fibercut_version()}, Python {sys.version}\n"
        f"{sys.argv}\n\n{''.join(traceback.format_exception(error))}"
    )
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for folder in _log_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"error-{stamp}-{os.getpid()}.log"
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    raise OSError("no folder for logs is writable")


def _log_folders() -> tuple[Path, ...]:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "fibercut", Path(tempfile.gettempdir())
