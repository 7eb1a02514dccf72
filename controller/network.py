"""What a policy's design is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controller.graph import NO_SPANS, Graph, Routes, Spans
from controller.repair import Protection
from controller.rules import SwitchRules
from controller.switch_rules import RuleWriter
from topologies.plan import NetworkPlan


class Network:
    """A plan with its graph and its shortest paths.

    destinations: the switches with hosts, by index; all that packets are sent to.
    """

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan
        self.graph = Graph(plan)
        with_hosts = {host.port.switch for host in plan.hosts}
        self.destinations = [i for i, site in enumerate(self.graph.sites) if site in with_hosts]
        self._whole = Routes(self.graph)
        self._last = self._whole

    def routes(self, failed: Spans = NO_SPANS) -> Routes:
        """The shortest paths while some spans are known to have failed."""
        if not failed:
            return self._whole
        # An update asks more than once about the same failure.
        if self._last.failed != failed:
            self._last = Routes(self.graph, failed, self._whole)
        return self._last

    def writers(self) -> list[RuleWriter]:
        """For each switch, by index, what writes its rules."""
        return [RuleWriter(self.plan, self.graph, site) for site in range(len(self.graph.sites))]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Destinations that a switch protects less than the policy wants, because the graph ends there.

    protection: what they have instead.
    """

    site: str
    span: str
    destinations: tuple[str, ...]
    protection: Protection


@dataclass(frozen=True)
class Desired:
    """What all switches should hold.

    rules: by switch. label_depths: how many repairs (switch, destination) use 0, 1, 2, 3 labels.
    """

    rules: dict[str, SwitchRules]
    shortfalls: tuple[Shortfall, ...] = ()
    label_depths: tuple[int, ...] = (0, 0, 0, 0)


Design = Callable[[Spans], Desired]
"""Computes the rules of all switches while some spans are known to have failed."""


def rules_of(writers: Iterable[RuleWriter]) -> dict[str, SwitchRules]:
    """The rules that the writers have written, by switch."""
    return {writer.switch.name: writer.finished() for writer in writers}
