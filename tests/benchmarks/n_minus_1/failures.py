"""What fails in the study: single spans, conduits, nodes, two spans at once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from controller.dataplane import DataPlane, Outcome
from tests.emulation.pairs import Pair
from tests.unit.controller_plans import one_host_per_switch
from topologies.plan import NetworkPlan, PlannedSpan

_DOUBLES, _DOUBLES_SEED = 20, 1
_EVERY = {"spans": 1, "flapping": 5, "controller": 10}
"""Of how many spans one is taken."""


@dataclass(frozen=True)
class Failure:
    """Spans that are cut at once."""

    name: str
    spans: tuple[PlannedSpan, ...]

    @property
    def dead(self) -> frozenset[str]:
        return frozenset(span.id for span in self.spans)


def failures(plan: NetworkPlan, what: str) -> Iterator[Failure]:
    """The failures of one part; doubles are a sample, and so are spans with something more."""
    if what in ("spans", "flapping", "controller"):
        for span in plan.spans[:: _EVERY[what]]:
            yield Failure(span.id, (span,))
    elif what == "conduits":
        for name in dict.fromkeys(c for span in plan.spans for c in span.conduits):
            yield Failure(name, tuple(s for s in plan.spans if name in s.conduits))
    elif what == "nodes":
        for switch in plan.switches:
            own = tuple(s for s in plan.spans if switch.name in (s.a.switch, s.b.switch))
            yield Failure(switch.name, own)
    else:
        pairs = list(itertools.combinations(plan.spans, 2))
        for one, other in random.Random(_DOUBLES_SEED).sample(pairs, _DOUBLES):
            yield Failure(f"{one.id} + {other.id}", (one, other))


def repaired_locally(plan: NetworkPlan, plane: DataPlane, pair: Pair, dead: frozenset[str]) -> bool:
    """Whether the rules alone deliver a pair's packets, by the model of the data plane."""
    hosts = {host.port.switch: host for host in one_host_per_switch(plan)}
    trace = plane.send(hosts[pair.source], hosts[pair.target], dead)
    return trace.outcome is Outcome.DELIVERED
