"""`fibercut coverage TOPOLOGY`: what a policy delivers under every failure, without emulation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from controller.policies import Policy, policy_named
from experiments.cli import values
from experiments.cli.telling import is_quiet, quiet_option
from experiments.coverage import Coverage, coverage, failures
from experiments.coverage_anchors import anchors
from experiments.coverage_report import as_json, plot, print_tables
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan
from topologies.problems import InputError, Problem


@click.command(name="coverage")
@click.argument("topology", shell_complete=values.topologies)
@click.option(
    "--policy",
    "name",
    default="fast-reroute",
    show_default=True,
    shell_complete=values.policies,
    help="Its name.",
)
@click.option("--protection", help="node-and-conduit, node, conduit or link.")
@click.option("--pairs", is_flag=True, help="Every two spans at once, too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print all figures as JSON.")
@click.option("--plot", "svg", type=click.Path(path_type=Path), metavar="FILE.svg", help="Draw it.")
@quiet_option()
def coverage_(
    topology: str,
    name: str,
    protection: str | None,
    pairs: bool,
    json_wanted: bool,
    svg: Path | None,
) -> int:
    """What a policy delivers when a span, a node or a conduit fails, each in turn.

    Of the pairs of switches with hosts that are still connected: how many arrive, by which
    mechanism, and how much longer the new way is.
    """
    policy = _policy(name, protection)
    plan = make_plan(load_topology(topology))
    _check(plan, topology, svg)
    found = _tried(plan, policy, pairs)
    compared = anchors(plan)
    if svg is not None:
        plot(found, svg)
    if json_wanted:
        click.echo(json.dumps(as_json(found, compared), indent=2, ensure_ascii=False))
    else:
        print_tables(found, compared, Console())
    return 0


def _policy(name: str, protection: str | None) -> Policy:
    policy = policy_named(name, protection)
    if policy.app is not None:
        message = (
            f"policy {name!r} is an application of Ryu's own, whose rules are not computed "
            "beforehand; choose another, or measure it with `fibercut run`"
        )
        raise InputError([Problem("--policy", message)])
    return policy


def _check(plan: NetworkPlan, topology: str, svg: Path | None) -> None:
    problems = []
    if len({host.port.switch for host in plan.hosts}) < 2:
        message = "coverage is about pairs of switches with hosts, and there are none; add hosts"
        problems.append(Problem(topology, message))
    if svg is not None and not svg.parent.is_dir():
        problems.append(Problem("--plot", f"there is no folder {str(svg.parent)!r}; make it first"))
    if problems:
        raise InputError(problems)


def _tried(plan: NetworkPlan, policy: Policy, pairs: bool) -> Coverage:
    cases = list(failures(plan, pairs))
    # Silent where nobody watches.
    watched = track(cases, "failures", console=Console(stderr=True), transient=True)
    return coverage(plan, policy, watched if sys.stderr.isatty() and not is_quiet() else cases)
