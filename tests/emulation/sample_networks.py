"""Networks that several tests of the controller are about."""

from __future__ import annotations

from tests.unit.controller_plans import Edge, plan_of
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan

# Repairs in it take up to three labels: conduit x holds three shortcuts.
THREE_LABELS = [
    Edge("n0", "n1", 4000),
    Edge("n1", "n2", 2000),
    Edge("n2", "n3", 4000),
    Edge("n3", "n4", 300),
    Edge("n4", "n5", 300),
    Edge("n5", "n0", 200, ("x",)),
    Edge("n4", "n1", 200, ("x",)),
    Edge("n3", "n2", 200, ("x",)),
]
# From west to east by north (10 ms), else by south (14 ms).
DIAMOND = [
    Edge("west", "north", 1000),
    Edge("north", "east", 1000),
    Edge("west", "south", 1400),
    Edge("south", "east", 1400),
]


def ai_backbone() -> NetworkPlan:
    return make_plan(load_topology("ai-backbone"), scale=10_000)


def small(edges: list[Edge]) -> NetworkPlan:
    plan = plan_of(edges)
    slow = tuple(span.model_copy(update={"rate_mbps": 100.0}) for span in plan.spans)
    return plan.model_copy(update={"spans": slow})
