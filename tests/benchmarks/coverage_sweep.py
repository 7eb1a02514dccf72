"""Every single span, node and conduit of many networks, every destination: what arrives.

  python -m tests.benchmarks.coverage_sweep [--most-sites 45] [--count 60]

The catalogue and TopoHub's networks, smallest first; a third of the sites of those without
conduits get one with two of their spans. «Told» counts the pairs that were lost although
connected, where the desired state had said beforehand that the point of local repair cannot
protect against that failure. Ends with 1 if anything loops or anything else is lost.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from controller.policies import CHOOSABLE, policy_named
from controller.repair import Protection
from experiments.coverage import Coverage, Failure, Kind, coverage, failures
from experiments.fates import Fates
from tests.unit.controller_plans import plan_of, topohub_edges
from topologies.imports.topohub import topohub_keys
from topologies.load import catalogue_names, load_topology
from topologies.plan import NetworkPlan, make_plan
from topologies.problems import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every network and print a line for each. Returns the exit status."""
    options = _parser().parse_args(arguments)
    policy = policy_named("fast-reroute", options.protection)
    wrong = 0
    print("network, switches, spans; delivered when a span, a node, a conduit fails; told, seconds")
    for name, plan in _plans(options.count, options.most_sites):
        began = time.process_time()
        found = coverage(plan, policy, _cases(plan, policy.protection))
        untold, told = _losses(found)
        looped = sum(tally.looped for tally in found.tallies.values())
        wrong += untold + looped
        shares = [
            f"{found.tallies[kind].delivered:9.4%}" if kind in found.tallies else " " * 9
            for kind in (Kind.SPAN, Kind.NODE, Kind.CONDUIT)
        ]
        seconds = time.process_time() - began
        print(
            f"{name:32} {len(plan.switches):8} {len(plan.spans):5} {' '.join(shares)} "
            f"{told:5} {seconds:.1f}" + (f"  UNTOLD {untold} LOOPED {looped}" if untold else ""),
            flush=True,
        )
    print("all that was lost had been told beforehand, nothing looped" if not wrong else "WRONG")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="networks of TopoHub")
    parser.add_argument("--most-sites", type=int, default=45)
    parser.add_argument("--protection", choices=CHOOSABLE, help="default: the policy's own")
    return parser


def _plans(count: int, most_sites: int) -> Iterator[tuple[str, NetworkPlan]]:
    for name in catalogue_names():
        yield name, make_plan(load_topology(name))
    found = 0
    for key in topohub_keys():
        if found == count:
            return
        if not key.startswith(("topozoo/", "sndlib/")):
            continue
        try:
            size = len(load_topology(key).sites)
        except InputError:
            continue
        if 10 <= size <= most_sites:
            found += 1
            yield key, plan_of(topohub_edges(key, conduit_seed=1))


def _cases(plan: NetworkPlan, protection: Protection) -> list[Failure]:
    """The failures that a protection is meant for."""
    kinds = {Kind.SPAN}
    if protection in (Protection.NODE, Protection.NODE_AND_CONDUIT):
        kinds.add(Kind.NODE)
    if protection in (Protection.CONDUIT, Protection.NODE_AND_CONDUIT):
        kinds.add(Kind.CONDUIT)
    return [failure for failure in failures(plan, pairs=False) if failure.kind in kinds]


def _losses(found: Coverage) -> tuple[int, int]:
    """Losses that no shortfall explains, and those that one does."""
    told = {(s.site, s.span, name) for s in found.desired.shortfalls for name in s.destinations}
    fates = Fates(found.plan, found.desired)
    ways = {(a.port.switch, b.port.switch): way for (a, b), way in fates.before.items()}
    cases = {(f.kind, f.name): f.spans for f in failures(found.plan, pairs=False)}
    explained = total = 0
    for kind, tally in found.tallies.items():
        for lost in tally.lost:
            way = ways[lost.source, lost.target]
            gone = cases[kind, lost.failure]
            hit = next(i for i, span in enumerate(way.spans) if span in gone)
            total += 1
            explained += (way.sites[hit], way.spans[hit], lost.target) in told
    return total - explained, explained


if __name__ == "__main__":
    sys.exit(main())
