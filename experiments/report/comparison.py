"""Which two things are compared: `RUN RUN`, or `RUN:POLICY RUN:POLICY`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.report.columns import Joined, joined, only
from experiments.report.differences import Differences, differences
from experiments.report.read import RunData, read_run
from topologies.problems import InputError, Problem, unknown


@dataclass(frozen=True, slots=True)
class Comparison:
    """runs, joined: as a page takes them. differences: of each pair of columns."""

    runs: tuple[RunData, ...]
    joined: Joined
    differences: tuple[Differences, ...]


def compared(first: str, second: str, figures: Sequence[str]) -> Comparison:
    """Compare two runs' policies, or two policies. Raises InputError."""
    (a, policy_a), (b, policy_b) = _read(first), _read(second)
    pairs = _pairs(first, second, (a, policy_a), (b, policy_b))
    if a.path == b.path:
        runs: tuple[RunData, ...] = (
            only(a, list(dict.fromkeys(p for pair in pairs for p in pair))),
        )
    else:
        runs = (only(a, [one for one, _ in pairs]), only(b, [two for _, two in pairs]))
    found = joined(runs, apart=len(runs) > 1)
    columns = found.columns
    # Columns come in the order of the runs, and within a run in that of its policies.
    by_run = (
        (columns, columns) if len(runs) == 1 else (columns[: len(pairs)], columns[len(pairs) :])
    )
    at = [{_policy(column.label): column for column in side} for side in by_run]
    told = tuple(differences(at[0][one], at[1][two], figures) for one, two in pairs)
    return Comparison(runs, found, told)


def _policy(label: str) -> str:
    """The policy's name in a column's label."""
    return label.partition(" ")[0]


def _read(given: str) -> tuple[RunData, str | None]:
    """A run's folder, and the policy behind its last colon if the whole is no folder."""
    head, _, policy = given.rpartition(":")
    if Path(given).exists() or not head:
        return read_run(Path(given)), None
    run = read_run(Path(head))
    if policy not in run.summary["policies"]:
        raise InputError([Problem(given, unknown("policy", policy, run.summary["policies"]))])
    return run, policy


def _pairs(
    first: str, second: str, a: tuple[RunData, str | None], b: tuple[RunData, str | None]
) -> list[tuple[str, str]]:
    (run_a, policy_a), (run_b, policy_b) = a, b
    policies_a, policies_b = list(run_a.summary["policies"]), list(run_b.summary["policies"])
    if policy_a is None and policy_b is None and run_a.path != run_b.path:
        common = [name for name in policies_a if name in policies_b]
        if common:
            return [(name, name) for name in common]
    one = policy_a or (policies_a[0] if len(policies_a) == 1 else policy_b)
    two = policy_b or (policies_b[0] if len(policies_b) == 1 else policy_a)
    if one is None or two is None or one not in policies_a or two not in policies_b:
        given = f"{first} has {', '.join(policies_a)}; {second} has {', '.join(policies_b)}"
        message = f"which policies to compare is not clear: {given}; write RUN:POLICY for both"
        raise InputError([Problem("compare", message)])
    if (run_a.path, one) == (run_b.path, two):
        raise InputError([Problem("compare", f"{first} and {second} are the same trials")])
    return [(one, two)]
