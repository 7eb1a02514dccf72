"""What every switch should hold: a function of plan, policy and failed spans."""

from __future__ import annotations

from collections.abc import Iterable

from controller.network import Design, Desired, Network, Shortfall
from controller.policy import DesignMaker, Policy
from controller.repair import Protection
from topologies.plan import NetworkPlan

__all__ = ["Designer", "Desired", "Shortfall"]


class Designer:
    """Computes desired states of one plan.

    It remembers the state without a failure, so that a failure costs only what it changes.
    """

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan
        self.network = Network(plan)
        self._designs: dict[tuple[DesignMaker, Protection], Design] = {}

    def desired(self, policy: Policy, failed_spans: Iterable[str] = ()) -> Desired:
        """The rules of all switches while some spans are known to have failed."""
        graph = self.network.graph
        failed = graph.set_of(graph.span_index[span] for span in failed_spans)
        key = (policy.design, policy.protection)
        if key not in self._designs:
            self._designs[key] = policy.design(self.network, policy.protection)
        return self._designs[key](failed)
