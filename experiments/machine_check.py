"""Whether this machine itself can carry a network (the clock `real`)."""

from __future__ import annotations

from experiments.diagnosis import REAL
from experiments.privileges import is_root
from experiments.real_clock_checks import real_clock_checks
from topologies.problems import InputError, Problem


def check_real_clock() -> None:
    """Raise InputError with everything that the clock `real` needs and is not here."""
    problems = [
        Problem("clock: real", f"{check.name}: {check.found}; {check.mend}; or use clock: virtual")
        for check in real_clock_checks()
        if not check.ok and REAL in check.needed_for
    ]
    if not is_root() and not any(problem.message.startswith("root:") for problem in problems):
        # The doctor counts sudo for root; who calls this goes on without it.
        problems.append(
            Problem("clock: real", "root: no; start this as root; or use clock: virtual")
        )
    if problems:
        raise InputError(problems)
