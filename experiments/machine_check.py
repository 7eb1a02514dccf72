"""Whether this machine itself can carry a network (the clock `real`)."""

from __future__ import annotations

from experiments.diagnosis import REAL
from experiments.real_clock_checks import real_clock_checks
from topologies.problems import InputError, Problem


def check_real_clock() -> None:
    """Raise InputError with everything that the clock `real` needs and is not here."""
    problems = [
        Problem("clock: real", f"{check.name}: {check.found}; {check.mend}; or use clock: virtual")
        for check in real_clock_checks()
        if not check.ok and REAL in check.needed_for
    ]
    if problems:
        raise InputError(problems)
