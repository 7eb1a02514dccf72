"""What running a documented command takes, seen from the command itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tests.docs.blocks import Block, words


class Cost(StrEnum):
    """Where a command is run."""

    FAST = "fast"
    """In CI, within this process: no guest, no root."""
    SLOW = "slow"
    """By `python -m tests.docs --all`: boots guests, or takes long."""
    NEVER = "never"
    """Not on a machine like this one; the reason is told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command is checked, and why not if it is never run."""

    cost: Cost
    reason: str = ""


# Without a guest and in a second or so.
_FAST = {
    "list", "topology", "schema", "lint", "map", "validate", "coverage", "completion", "--version",
    "--help",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\.\.\.|…|\b[A-Z]{2,}[A-Z-]*\b(?!=)|/path/to/|<[a-z-]+>|\bhead:\d")
_UPPER_WORDS = re.compile(r"\$\w+|[A-Z_]+=|/[a-z][a-z\d./_-]*|--[\w-]+|'[^']*'|PATH|UTC")
_NEVER = (
    (re.compile(r"\bsudo\b"), "needs root on the machine itself"),
    (re.compile(r"\bvagrant\b"), "needs Vagrant and its boxes"),
    (re.compile(r"--clock real"), "needs the machine's own Open vSwitch"),
    (re.compile(r"\bfibercut (shell|live)\b"), "needs a person at a terminal"),
    (re.compile(r"\bfibercut controller (?!events --run)"), "needs a controller that runs"),
    (re.compile(r"\bfibercut (test|docs)\b"), "runs these checks themselves"),
    (re.compile(r"\b(pip|git|apt|ln|eval) |>>~/"), "changes the machine, or asks the network"),
    (re.compile(r"\bdask (scheduler|worker)\b|--scheduler"), "needs a cluster"),
    (re.compile(r"-m tests\.benchmarks"), "a benchmark, which takes minutes to hours"),
    (re.compile(r"\b(192\.0\.2|10\.0\.0)\.\d|/path/to/"), "needs other machines"),
    (re.compile(r"\b(serve|reflect|receive)\b"), "a server, which runs until it is ended"),
)  # fmt: skip


def verdict(block: Block, command: str) -> Verdict:
    """How this command of a block is checked."""
    if block.check.startswith("skip"):
        return Verdict(Cost.NEVER, block.check.removeprefix("skip").strip())
    for pattern, reason in _NEVER:
        if pattern.search(command):
            return Verdict(Cost.NEVER, reason)
    if _PLACEHOLDER.search(_UPPER_WORDS.sub(" ", command)):
        return Verdict(Cost.NEVER, "a form with placeholders")
    if block.check.startswith("slow"):
        return Verdict(Cost.SLOW)
    found = words(command)
    is_ours = found is not None and found[0].rpartition("/")[2] == "fibercut" and len(found) > 1
    if is_ours and found is not None and (found[1] in _FAST or _only_checks(found)):
        return Verdict(Cost.FAST)
    return Verdict(Cost.SLOW)


def _only_checks(found: list[str]) -> bool:
    return "--help" in found or (found[1] == "study" and "--check" in found)
