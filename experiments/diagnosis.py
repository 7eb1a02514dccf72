"""A machine's checks, and what follows from them for the two clocks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from experiments.versions import fibercut_version

VIRTUAL = "virtual"
REAL = "real"
CLOCKS = (VIRTUAL, REAL)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked for.

    ok: whether it is there; found: what is there (a version, a path, a size).
    why: what it is needed for; mend: what to do when it is missing.
    needed_for: the clocks that cannot run without it; empty for what only helps.
    """

    group: str
    name: str
    ok: bool
    found: str
    why: str
    mend: str
    needed_for: tuple[str, ...] = CLOCKS


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks of one machine."""

    checks: tuple[Check, ...]

    def why_not(self, clock: str) -> tuple[str, ...]:
        """What keeps this machine from running the clock; empty if nothing does."""
        return tuple(
            f"{check.name}: {check.found}"
            for check in self.checks
            if clock in check.needed_for and not check.ok
        )

    def can_run(self, clock: str) -> bool:
        """Whether nothing that the clock needs is missing."""
        return not self.why_not(clock)

    def as_json(self) -> dict[str, Any]:
        """The keys that `fibercut doctor --json` promises.

        `fibercut`: the version. `clocks`: for `virtual` and `real`, `can_run` and a list
        `why_not`. `checks`: a list of the fields of Check (`mend` is what to do if not `ok`).
        """
        return {
            "fibercut": fibercut_version(),
            "clocks": {
                clock: {"can_run": self.can_run(clock), "why_not": list(self.why_not(clock))}
                for clock in CLOCKS
            },
            "checks": [asdict(check) for check in self.checks],
        }
