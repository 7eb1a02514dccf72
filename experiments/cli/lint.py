"""`fibercut lint FILE`: what is likely wrong with a topology although it is valid."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from experiments.cli import values
from experiments.cli.values import Integer, Number
from experiments.lint_input import LintInput, read_lint_input
from topologies.lint import CODES, Finding, LintSettings, Severity, lint
from topologies.problems import InputError, Problem, unknown

_DEFAULTS = LintSettings()


@click.command(name="lint")
@click.argument("file", shell_complete=values.files_to_check)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--strict", is_flag=True, help="Exit status 1 if there is a warning.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a code out; may be repeated.")
@click.option(
    "--scale",
    type=Number(1, 1e9),
    help=f"Capacities are divided by this.  [default: the scenario's, or {_DEFAULTS.scale:g}]",
)
@click.option(
    "--bfd-interval-ms",
    type=Number(0, 10_000, min_open=True),
    help=f"[default: the scenario's, or {_DEFAULTS.bfd_interval_ms:g}]",
)
@click.option(
    "--bfd-multiplier",
    type=Integer(1, 255),
    help=f"[default: the scenario's, or {_DEFAULTS.bfd_multiplier}]",
)
def lint_(
    file: str,
    as_json: bool,
    strict: bool,
    ignore: tuple[str, ...],
    scale: float | None,
    bfd_interval_ms: float | None,
    bfd_multiplier: int | None,
) -> int:
    """Warn of what is likely wrong with a topology: single cuts, optics out of reach, and more.

    FILE is a topology's file or name (see `fibercut list`), or a scenario's, whose scale and BFD
    are then used. Each finding tells its code, its place, the reason and what to do; every code
    is explained in docs/reference/lint.md.

    Exit status: 0 whatever is found, 1 for warnings with --strict (advice does not count), 2 if
    FILE is not valid.
    """
    _check_codes(ignore)
    given = read_lint_input(file)
    settings = _settings(given, scale, bfd_interval_ms, bfd_multiplier)
    findings = lint(given.topology, settings, ignore)
    if as_json:
        click.echo(json.dumps(_as_json(given, settings, findings), indent=2, ensure_ascii=False))
    else:
        _show(given, findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    return 1 if strict and warnings else 0


def _check_codes(codes: tuple[str, ...]) -> None:
    problems = [Problem("--ignore", unknown("code", c, CODES)) for c in codes if c not in CODES]
    if problems:
        raise InputError(problems)


def _settings(
    given: LintInput,
    scale: float | None,
    bfd_interval_ms: float | None,
    bfd_multiplier: int | None,
) -> LintSettings:
    base = _DEFAULTS
    if given.scenario is not None:
        scenario = given.scenario.scenario
        base = LintSettings(scenario.scale, scenario.bfd.interval_ms, scenario.bfd.multiplier)
    return LintSettings(
        base.scale if scale is None else scale,
        base.bfd_interval_ms if bfd_interval_ms is None else bfd_interval_ms,
        base.bfd_multiplier if bfd_multiplier is None else bfd_multiplier,
    )


def _show(given: LintInput, findings: list[Finding]) -> None:
    for finding in findings:
        place = given.locate(finding.where)
        click.echo(f"{place}: {finding.code} {finding.severity.value}: {finding.reason}")
        click.echo(f"    {finding.advice}")
    counts = Counter(finding.severity for finding in findings)
    warnings, advice = counts[Severity.WARNING], counts[Severity.ADVICE]
    told = f"{warnings} warning{'' if warnings == 1 else 's'}, {advice} of advice"
    click.echo(f"{given.topology.name}: {told if findings else 'nothing found'}")


def _as_json(given: LintInput, settings: LintSettings, findings: list[Finding]) -> dict[str, Any]:
    return {
        "topology": given.topology.name,
        "scale": settings.scale,
        "bfd_interval_ms": settings.bfd_interval_ms,
        "bfd_multiplier": settings.bfd_multiplier,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "title": finding.title,
                "place": given.locate(finding.where),
                "reason": finding.reason,
                "advice": finding.advice,
            }
            for finding in findings
        ],
    }
