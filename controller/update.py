"""One switch's way to other rules, in steps that all switches take together.

1. prepared: what is new is there, and nobody uses it yet;
2. switched: hosts' packets get the new names, and repairs lead to the new names;
3. cleaned: what nobody uses any more is gone.

Between the steps all switches have to be through with the last one, and before
the third the packets with old names have to be through the network. Within a step
the order among switches does not matter: a packet has old names or new ones all
its way, and the rules for both are there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from controller.graph import Graph, Tree
from controller.names import is_entry
from controller.rules import SwitchRules
from topologies.plan import SPAN_MTU, NetworkPlan, PlannedSpan

_WAYS = 5
"""A packet's way: plain, at most three labels, and the rest; each of them is a shortest path."""


class Step(StrEnum):
    """The steps of an update, in their order."""

    PREPARE = "prepare"
    SWITCH = "switch"
    CLEAN = "clean"


Steps = Mapping[Step, SwitchRules]
"""What the switch holds after each step."""


def steps_between(held: SwitchRules, wanted: SwitchRules) -> Steps:
    """The steps from the held rules to the wanted ones."""
    new = {k: f for k, f in wanted.flows.items() if k not in held.flows and not is_entry(k)}
    groups = {**held.groups, **wanted.groups}
    prepared = {**held.flows, **new}
    # A packet's first name may also change by the removal of an entry.
    kept = {k: f for k, f in prepared.items() if k in wanted.flows or not is_entry(k)}
    return {
        Step.PREPARE: SwitchRules(prepared, groups),
        Step.SWITCH: SwitchRules({**kept, **wanted.flows}, groups),
        Step.CLEAN: wanted,
    }


def longest_transit_s(plan: NetworkPlan, failed_spans: Iterable[str]) -> float:
    """A bound on a packet's time in the network: full queues, and a repair on the way."""
    graph = Graph(plan)
    failed = graph.set_of(graph.span_index[span] for span in failed_spans)
    transits_ms = [_transit_ms(span) for span in plan.spans]
    trees = (graph.tree(root, failed) for root in range(len(graph.sites)))
    return _WAYS * max(_depth_ms(tree, transits_ms) for tree in trees) / 1000


def _depth_ms(tree: Tree, transits_ms: Sequence[float]) -> float:
    """The slowest of the shortest paths to one switch."""
    depths_ms = {tree.root: 0.0}
    for switch in range(len(tree.via)):
        if not tree.reaches(switch):
            continue
        way = list(itertools.takewhile(lambda step: step[0] not in depths_ms, tree.walk(switch)))
        for at, span in reversed(way):
            depths_ms[at] = depths_ms[tree.parent[at]] + transits_ms[span]
    return max(depths_ms.values())


def _transit_ms(span: PlannedSpan) -> float:
    # With one full-size packet that is being sent.
    packet_ms = SPAN_MTU * 8 / span.rate_mbps / 1000
    return max(span.delay_us, span.delay_back_us or 0.0) / 1000 + span.buffer_ms + packet_ms
