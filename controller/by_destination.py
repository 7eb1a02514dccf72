"""Forwarding by destination, with repairs prepared at every switch.

A packet has one of three forms, and each is forwarded by rules of its own:

- plain (`eth_dst` is the gateway's address): by destination, protected;
- steered (MPLS): by its top label;
- repaired (`eth_dst` is REPAIRED_MAC, no label left): by destination, not protected.

Steered and repaired packets that meet a second failure are dropped. That bounds
every packet's way: one stretch of plain forwarding, at most one repair, at most
three segments, one last stretch, each along shortest paths. So nothing loops,
whatever fails at once.

A failure changes little: the pairs of switch and destination whose path or repair it
touches, the ways of steered packets that it touches, and the rules that follow from
these. The rest is taken from the state without a failure, and so is a repair that is
still right, even if a shorter one may exist now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from controller.graph import NO_SPANS, Routes, Spans
from controller.network import Desired, Network, Shortfall
from controller.repair import Protection, Repair, next_spans, repairs
from controller.rules import SwitchRules
from controller.switch_rules import RuleWriter
from controller.tree import Tree

_Plain = tuple[int, Repair | None]
"""How a switch forwards for one destination: the span, and the repair."""
_Lead = tuple[int, int]
"""Where packets that are not plain are led: to a switch, and there over a span by its label;
-1: to this switch as their destination."""
_TO_DESTINATION = -1


@dataclass(frozen=True)
class _State:
    """plain: for each switch, by destination. starts: how many repairs release packets where.

    ways: the spans that lead to each goal, by switch. depths: how many repairs take 0, 1, 2,
    3 labels. rules, shortfalls: for each switch.
    """

    plain: list[dict[int, _Plain]]
    starts: dict[_Lead, dict[int, int]]
    ways: dict[_Lead, dict[int, int]]
    depths: list[int]
    writers: list[RuleWriter]
    rules: list[SwitchRules]
    shortfalls: list[tuple[Shortfall, ...]]


class ByDestination:
    """The rules of one network at one protection."""

    def __init__(self, network: Network, protection: Protection) -> None:
        self._network = network
        self._protection = protection
        self._whole: _State | None = None

    def __call__(self, failed: Spans) -> Desired:
        """The rules while some spans are known to have failed."""
        if self._whole is None:
            every = dict.fromkeys(range(len(self._network.graph.sites)), self._network.destinations)
            self._whole = self._changed(self._nothing(), NO_SPANS, every)
        state = self._whole
        if failed:
            state = self._changed(state, failed, self._touched(state, failed))
        return self._desired(state)

    def _nothing(self) -> _State:
        writers = self._network.writers()
        nothing: list[dict[int, _Plain]] = [{} for _ in writers]
        rules = [writer.finished() for writer in writers]
        return _State(nothing, {}, {}, [0, 0, 0, 0], writers, rules, [()] * len(writers))

    def _touched(self, whole: _State, failed: Spans) -> dict[int, list[int]]:
        """For each switch, the destinations whose path or repair a failure touches."""
        routes = self._network.routes()
        touched: dict[int, list[int]] = {}
        for site, plain in enumerate(whole.plain):
            cost = routes.tree(site).cost
            found = [
                destination
                for destination, (_, repair) in plain.items()
                if cost[destination] & failed or (repair is not None and repair.relies_on(failed))
            ]
            if found:
                touched[site] = found
        return touched

    def _changed(self, before: _State, failed: Spans, touched: Mapping[int, list[int]]) -> _State:
        """The state after what is touched has been computed anew."""
        routes = self._network.routes(failed)
        after = _State(
            plain=before.plain.copy(),
            starts=before.starts.copy(),
            ways=before.ways.copy(),
            depths=before.depths.copy(),
            writers=before.writers.copy(),
            rules=before.rules.copy(),
            shortfalls=before.shortfalls.copy(),
        )
        change = _Change(before, after, self._network)
        for site, destinations in touched.items():
            found = self._plain(routes, site, destinations, before.plain[site])
            if change.forward(site, found, destinations):
                after.shortfalls[site] = tuple(self._lacking(site, after.plain[site]))
        change.lead(routes, failed)
        change.finish()
        return after

    def _plain(
        self, routes: Routes, site: int, destinations: list[int], known: Mapping[int, _Plain]
    ) -> dict[int, _Plain]:
        found: dict[int, _Plain] = {}
        for span, behind in next_spans(routes, site, destinations).items():
            to_repair = []
            for destination in behind:
                old = known.get(destination)
                if old is not None and old[0] == span and _still_right(old[1], routes, destination):
                    found[destination] = old
                else:
                    to_repair.append(destination)
            repaired: dict[int, Repair] = {}
            if to_repair and self._protection is not Protection.NONE:
                repaired = repairs(routes, site, span, to_repair, self._protection)
            for destination in to_repair:
                found[destination] = span, repaired.get(destination)
        return found

    def _lacking(self, site: int, plain: Mapping[int, _Plain]) -> Iterator[Shortfall]:
        graph = self._network.graph
        lacking: dict[tuple[int, Protection], list[str]] = {}
        for destination, (span, repair) in sorted(plain.items(), key=itemgetter(0)):
            has = Protection.NONE if repair is None else repair.protection
            if has is not self._protection:
                lacking.setdefault((span, has), []).append(graph.sites[destination])
        for (span, has), names in lacking.items():
            yield Shortfall(graph.sites[site], graph.spans[span].id, tuple(names), has)

    def _desired(self, state: _State) -> Desired:
        return Desired(
            rules=dict(zip(self._network.graph.sites, state.rules, strict=True)),
            shortfalls=tuple(shortfall for of in state.shortfalls for shortfall in of),
            label_depths=tuple(state.depths),
        )


class _Change:
    """One step from a state to the next. What is shared with the state before is copied first."""

    def __init__(self, before: _State, after: _State, network: Network) -> None:
        self._before = before
        self._after = after
        self._network = network
        self._edited: set[int] = set()
        self._restarted: set[_Lead] = set()

    def forward(self, site: int, found: Mapping[int, _Plain], destinations: Iterable[int]) -> bool:
        """Plain packets at one switch, for some destinations. Returns whether anything changes."""
        before = self._before.plain[site]
        changed = [d for d in destinations if before.get(d) is not found.get(d)]
        if not changed:
            return False
        writer = self._writer(site)
        plain = self._after.plain[site] = before.copy()
        for destination in changed:
            old, new = plain.pop(destination, None), found.get(destination)
            if old is not None:
                self._count(destination, old[1], -1)
                if new is None:
                    writer.drop_forward(destination)
            if new is not None:
                span, repair = plain[destination] = new
                self._count(destination, repair, 1)
                writer.forward(destination, span, None if repair is None else repair.steering)
        return True

    def lead(self, routes: Routes, failed: Spans) -> None:
        """Packets that are not plain, where their goals, starts or paths have changed."""
        for lead, starts in self._before.starts.items():
            cost = self._network.routes().tree(lead[0]).cost
            if lead not in self._restarted and any(cost[start] & failed for start in starts):
                self._restarted.add(lead)
        for lead in self._restarted:
            starts = self._after.starts[lead]
            old = self._before.ways.get(lead, {})
            new = dict(_ways(routes.tree(lead[0]), starts))
            self._after.ways[lead] = new
            self._rewrite(lead, old, new)
            self._rewrite_end(lead, had=bool(self._before.starts.get(lead)), has=bool(starts))

    def finish(self) -> None:
        """The rules of the switches whose writers were used."""
        for site in self._edited:
            self._after.rules[site] = self._after.writers[site].finished()

    def _writer(self, site: int) -> RuleWriter:
        if site not in self._edited:
            self._edited.add(site)
            self._after.writers[site] = self._before.writers[site].copy()
        return self._after.writers[site]

    def _count(self, destination: int, repair: Repair | None, more: int) -> None:
        if repair is None:
            return
        self._after.depths[len(repair.segments)] += more
        self._start((destination, _TO_DESTINATION), repair.release, more)
        for segment in repair.segments:
            self._start((segment.edge, segment.span), segment.start, more)

    def _start(self, lead: _Lead, at: int, more: int) -> None:
        if lead not in self._restarted:
            self._restarted.add(lead)
            self._after.starts[lead] = self._before.starts.get(lead, {}).copy()
        starts = self._after.starts[lead]
        starts[at] = starts.get(at, 0) + more
        if not starts[at]:
            del starts[at]

    def _rewrite(self, lead: _Lead, old: Mapping[int, int], new: Mapping[int, int]) -> None:
        root, steered = lead
        for site in old.keys() - new.keys():
            if steered == _TO_DESTINATION:
                self._writer(site).drop_repaired(root)
            else:
                self._writer(site).drop_label(steered, root)
        for site, span in new.items():
            if old.get(site) == span:
                continue
            if steered == _TO_DESTINATION:
                self._writer(site).forward_repaired(root, span)
            else:
                self._writer(site).lead_to_label(steered, root, span)

    def _rewrite_end(self, lead: _Lead, had: bool, has: bool) -> None:
        root, steered = lead
        if steered == _TO_DESTINATION or had == has:
            return
        if has:
            self._writer(root).leave_by_label(steered)
        else:
            self._writer(root).drop_end_of_label(steered)


def _still_right(repair: Repair | None, routes: Routes, destination: int) -> bool:
    """Whether a repair may stay. Where no path was, none has come."""
    return repair is None or repair.still_right(routes, destination)


def _ways(tree: Tree, starts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(switch, span taken from there) on all the paths from some switches to the root, once."""
    seen: set[int] = set()
    for start in starts:
        for site, span in tree.walk(start):
            if site in seen:
                break
            seen.add(site)
            yield site, span
