"""How long the rules of a large network take, whole and after one failure.

Twice: the rules alone, and all that the controller computes between the news of a failure
and the changes for the switches, ready to be sent. Times are CPU times, so that what else the
machine does counts little.

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
from controller.health import Timers
from controller.policies import POLICIES, policy_named
from tests.benchmarks.gabriel import gabriel_topology
from tests.unit.controller_switches import CHANNEL_S, Bench
from topologies.plan import NetworkPlan, make_plan

_KIB_PER_MIB = 1024
_COMPUTED_S = Timers().hold_off_s + CHANNEL_S / 2
_SETTLED_S = 30.0


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
    spans = random.Random(1).sample(
        [s.id for s in plan.spans], min(options.failures, len(plan.spans))
    )
    _tell_failures(spans, lambda span: designer.desired(policy, [span]), whole)
    if policy.reoptimises:
        _tell_moves(plan, options.policy, spans)
    print(f"{_peak_mib():.0f} MiB at most")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=754)
    parser.add_argument("--spans", type=int, default=900)
    parser.add_argument("--destinations", type=int, default=100)
    parser.add_argument("--failures", type=int, default=100, help="spans to fail, drawn by chance")
    parser.add_argument("--policy", default="fast-reroute-reoptimise", choices=POLICIES)
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


def _tell_failures(spans: Sequence[str], after: Callable[[str], Desired], whole: Desired) -> None:
    times, touched = [], []
    for span in spans:
        began = time.process_time()
        rules = after(span).rules
        times.append(time.process_time() - began)
        touched.append(sum(rules[name] != held for name, held in whole.rules.items()))
    _tell_times("rules after one failure", times)
    print(f"switches whose rules change: median {statistics.median(touched):.0f}")


def _tell_moves(plan: NetworkPlan, policy: str, spans: Sequence[str]) -> None:
    """Each span fails, all switches move, and it comes back."""
    began = time.process_time()
    bench = Bench(plan, policy).start()
    total = sum(len(rules.flows) + len(rules.groups) for rules in bench.held.values())
    print(f"the first update, of {total:,} flows and groups: {time.process_time() - began:.2f} s")
    bench.run(_SETTLED_S)
    times, counts = [], []
    for span in spans:
        sent = len(bench.sent)
        bench.span(span, up=False)
        began = time.process_time()
        # Computed after the hold-off; nothing has arrived at a switch then.
        bench.run(_COMPUTED_S)
        times.append(time.process_time() - began)
        bench.run(_SETTLED_S)
        counts.append(sum(send.count for send in bench.sent[sent:]))
        bench.span(span, up=True)
        bench.run(_SETTLED_S)
    _tell_times("from the news of one failure to the first changes", times)
    counts.sort()
    print(
        f"changes in all three steps: median {statistics.median(counts):,.0f}, "
        f"95 % {counts[len(counts) * 95 // 100]:,}, most {counts[-1]:,}"
    )


def _tell_times(what: str, times: list[float]) -> None:
    times.sort()
    print(
        f"{what} ({len(times)} spans): median {statistics.median(times):.2f} s, "
        f"95 % {times[len(times) * 95 // 100]:.2f} s, most {times[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
