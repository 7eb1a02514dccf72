"""What this machine has, what it lacks, and which clocks it can therefore run."""

from __future__ import annotations

from experiments.diagnosis import Diagnosis
from experiments.guest_checks import guest_checks
from experiments.host_checks import package_checks, platform_checks, tool_checks
from experiments.real_clock_checks import real_clock_checks


def examine_machine() -> Diagnosis:
    """Look at everything that Fibercut needs on this machine; takes well under a second."""
    return Diagnosis(
        (
            *platform_checks(),
            *tool_checks(),
            *package_checks(),
            *guest_checks(),
            *real_clock_checks(),
        )
    )
