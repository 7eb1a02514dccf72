"""How long the rules of a large network take, whole and after one failure.

Times are CPU times, so that what else the machine does counts little.

python -m tests.benchmarks.rule_computation [--sites 754] [--spans 900] [--destinations 100]
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence

from controller.desired import Designer, Desired
from controller.policies import POLICIES, policy_named
from tests.benchmarks.gabriel import gabriel_topology
from topologies.plan import NetworkPlan, make_plan

_KIB_PER_MIB = 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    topology = gabriel_topology(options.sites, options.spans, options.destinations)
    plan = make_plan(topology)
    print(f"{len(plan.switches)} switches, {len(plan.spans)} spans, {len(plan.hosts)} destinations")
    began = time.process_time()
    designer = Designer(plan)
    policy = policy_named(options.policy)
    whole = designer.desired(policy)
    print(f"policy {policy.name}, protection {policy.protection}")
    print(f"all rules: {time.process_time() - began:.2f} s, {_peak_mib():.0f} MiB at most")
    _tell_rules(whole)
    _tell_failures(plan, options.failures, lambda span: designer.desired(policy, [span]), whole)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=754)
    parser.add_argument("--spans", type=int, default=900)
    parser.add_argument("--destinations", type=int, default=100)
    parser.add_argument("--failures", type=int, default=100, help="spans to fail, drawn by chance")
    parser.add_argument("--policy", default="fast-reroute", choices=POLICIES)
    return parser


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB


def _tell_rules(whole: Desired) -> None:
    for name, counts in (
        ("flows", sorted(len(rules.flows) for rules in whole.rules.values())),
        ("groups", sorted(len(rules.groups) for rules in whole.rules.values())),
    ):
        print(
            f"{name} per switch: median {statistics.median(counts):.0f}, most {counts[-1]}; "
            f"in all {sum(counts)}"
        )
    print(f"repairs by number of labels: {whole.label_depths}")


def _tell_failures(
    plan: NetworkPlan, count: int, after: Callable[[str], Desired], whole: Desired
) -> None:
    spans = random.Random(1).sample([span.id for span in plan.spans], min(count, len(plan.spans)))
    times, touched = [], []
    for span in spans:
        began = time.process_time()
        rules = after(span).rules
        times.append(time.process_time() - began)
        touched.append(sum(rules[name] != held for name, held in whole.rules.items()))
    times.sort()
    print(
        f"after one failure ({len(times)} spans): median {statistics.median(times):.2f} s, "
        f"95 % {times[len(times) * 95 // 100]:.2f} s, most {times[-1]:.2f} s"
    )
    print(f"switches whose rules change: median {statistics.median(touched):.0f}")


if __name__ == "__main__":
    main()
