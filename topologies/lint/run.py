"""All checks, in the order of their codes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from topologies.lint import capacity, emulation, fibre, places, resilience
from topologies.lint.findings import CODES, Finding, LintSettings, Subject
from topologies.spec import Topology

_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    resilience.spans_that_separate,
    resilience.sites_that_separate,
    resilience.conduits_that_separate,
    fibre.optics_in_reach,
    fibre.delays_and_lengths,
    capacity.sites_oversubscribed,
    capacity.spans_overloaded,
    emulation.scaled_rates,
    emulation.detection_against_delay,
    places.sites_at_one_place,
    places.jurisdictions_missing,
)


def lint(
    topology: Topology, settings: LintSettings | None = None, ignore: Collection[str] = ()
) -> list[Finding]:
    """Everything that looks wrong with a topology, ordered by code, then as in the file.

    ignore: codes (keys of CODES) that are left out.
    """
    subject = Subject(topology, settings or LintSettings())
    found = [f for check in _CHECKS for f in check(subject) if f.code not in ignore]
    order = list(CODES)
    return sorted(found, key=lambda finding: order.index(finding.code))
