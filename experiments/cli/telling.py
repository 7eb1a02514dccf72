"""What a command says beside its answer, and the options that change how it is told."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import click

from guest.progress import Reporter

Command = Callable[..., Any]

_QUIET = f"{__name__}.quiet"


def _remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    ctx.meta[_QUIET] = value
    return value


def quiet_option(*, expose_value: bool = False) -> Callable[[Command], Command]:
    """The option --quiet; `expose_value` also gives it to the command as `quiet`."""
    return click.option(
        "--quiet",
        is_flag=True,
        expose_value=expose_value,
        callback=_remember,
        help="Only the answer and errors: no progress, no notes.",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


def is_quiet() -> bool:
    """Whether the command that runs was asked to say nothing beside its answer."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_QUIET))


def say(text: str) -> None:
    """A remark on standard error, unless --quiet."""
    if not is_quiet():
        click.echo(text, err=True)


def print_json(answer: Any) -> None:
    """An answer for programs, on standard output."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def reporter() -> Reporter:
    """Of long steps such as the kernel's build: on standard error, or nowhere with --quiet."""
    return Reporter(io.StringIO()) if is_quiet() else Reporter()
