"""What every switch should hold: a pure function of plan, policy and failed spans.

A packet has one of three forms, and each is forwarded by rules of its own:

- plain (`eth_dst` is the gateway's address): by destination, protected;
- steered (MPLS): by its top label;
- repaired (`eth_dst` is REPAIRED_MAC, no label left): by destination, not protected.

Steered and repaired packets that meet a second failure are dropped. That bounds
every packet's way: one stretch of plain forwarding, at most one repair, at most
three segments, one last stretch, each along shortest paths. So nothing loops,
whatever fails at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.graph import Graph, Routes, Tree
from controller.policies import Policy
from controller.repair import Protection, Repair, next_spans, repairs
from controller.rules import SwitchRules
from controller.switch_rules import RepairedWay, RuleWriter
from topologies.plan import NetworkPlan


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Destinations that a site protects less than the policy wants, because the graph ends there.

    protection: what they have instead.
    """

    site: str
    span: str
    destinations: tuple[str, ...]
    protection: Protection


@dataclass(frozen=True)
class Desired:
    """rules: by site. label_depths: how many repairs (site, destination) use 0, 1, 2, 3 labels."""

    rules: dict[str, SwitchRules]
    shortfalls: tuple[Shortfall, ...] = ()
    label_depths: tuple[int, ...] = (0, 0, 0, 0)


class Designer:
    """Computes desired states of one plan."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan
        self.graph = Graph(plan)
        with_hosts = {host.port.switch for host in plan.hosts}
        self.destinations = [i for i, site in enumerate(self.graph.sites) if site in with_hosts]

    def desired(self, policy: Policy, failed_spans: Iterable[str] = ()) -> Desired:
        """The rules of all switches while some spans are known to have failed."""
        failed = frozenset(self.graph.span_index[span] for span in failed_spans)
        routes = Routes(self.graph, failed)
        writers = [RuleWriter(self.plan, self.graph, site) for site in range(len(self.graph.sites))]
        tally = _Tally()
        for site, writer in enumerate(writers):
            for span, behind in next_spans(routes, site, self.destinations).items():
                found = self._repairs(routes, site, span, behind, policy)
                tally.note(self.graph, site, span, behind, found, policy)
                for destination in behind:
                    writer.forward(destination, span, _way(found.get(destination)))
                    tally.use(destination, found.get(destination))
        _lead_steered(routes, writers, tally)
        return Desired(
            rules={w.switch.name: w.finished() for w in writers},
            shortfalls=tuple(tally.shortfalls),
            label_depths=tuple(tally.depths),
        )

    def _repairs(
        self, routes: Routes, site: int, span: int, behind: list[int], policy: Policy
    ) -> dict[int, Repair]:
        if policy.protection is Protection.NONE:
            return {}
        return repairs(routes, site, span, behind, policy.protection)


class _Tally:
    """What the repairs seen so far need from other switches, and what they lack."""

    def __init__(self) -> None:
        self.labels: dict[tuple[int, int], set[int]] = {}
        self.releases: dict[int, set[int]] = {}
        self.shortfalls: list[Shortfall] = []
        self.depths = [0, 0, 0, 0]

    def use(self, destination: int, repair: Repair | None) -> None:
        if repair is not None:
            for segment in repair.segments:
                starts = self.labels.setdefault((segment.edge, segment.span), set())
                starts.add(segment.start)
            self.releases.setdefault(destination, set()).add(repair.release)
            self.depths[len(repair.segments)] += 1

    def note(
        self,
        graph: Graph,
        site: int,
        span: int,
        behind: list[int],
        found: dict[int, Repair],
        policy: Policy,
    ) -> None:
        lacking: dict[Protection, list[str]] = {}
        for destination in behind:
            repair = found.get(destination)
            has = Protection.NONE if repair is None else repair.protection
            if has is not policy.protection:
                lacking.setdefault(has, []).append(graph.sites[destination])
        self.shortfalls += [
            Shortfall(graph.sites[site], graph.spans[span].id, tuple(names), has)
            for has, names in lacking.items()
        ]


def _way(repair: Repair | None) -> RepairedWay | None:
    return None if repair is None else RepairedWay(repair.exit_span, repair.segments)


def _lead_steered(routes: Routes, writers: list[RuleWriter], tally: _Tally) -> None:
    """Give the switches on the repairs' ways the rules for packets that are not plain."""
    for (edge, steered), starts in tally.labels.items():
        writers[edge].leave_by_label(steered)
        for site, span in _ways(routes.tree(edge), starts):
            writers[site].lead_to_label(steered, edge, span)
    for destination, starts in tally.releases.items():
        for site, span in _ways(routes.tree(destination), starts):
            writers[site].forward_repaired(destination, span)


def _ways(tree: Tree, starts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(site, span taken from there) on all the paths from some sites to the root, each once."""
    seen: set[int] = set()
    for start in starts:
        for site, span in tree.walk(start):
            if site in seen:
                break
            seen.add(site)
            yield site, span
