"""Moving to other rules without losing, doubling or looping a packet: make before break.

One update at a time; `update` says what its steps are and why they are safe. A switch
that cannot be reached holds an update up: before the step that packets notice it is
taken back and tried again when the switch returns (repairs carry on meanwhile),
after it the old rules stay until the switch has caught up. A switch that no packet can
reach, such as one that has failed, is not waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.changes import Stock
from controller.effects import Effect, Log, Wake
from controller.install import Aim, Installer, Ticket
from controller.naming import Naming
from controller.network import Network
from controller.rules import SwitchRules
from controller.transit import Transits
from controller.update import Step, Steps, steps_between

_NO_RULES = SwitchRules()
# Open vSwitch may forward by an old rule until it has looked through its cache again.
_MARGIN_S = 0.5


@dataclass
class _Update:
    """An update under way. `step` is the last one that was sent, None before the first."""

    number: int
    aim: Aim
    before: Mapping[str, SwitchRules]
    steps: Mapping[str, Steps]
    reason: str
    step: Step | None = None
    waiting: set[str] = field(default_factory=set)
    drained_at_s: float | None = None

    def rules_of(self, switch: str) -> SwitchRules:
        """What a switch should hold by now."""
        if self.step is None:
            return self.before.get(switch, _NO_RULES)
        return self.steps[switch][self.step]


@dataclass(kw_only=True)
class Hitless(Installer):
    """Runs updates one after the other."""

    network: Network
    _aim: Aim = field(default_factory=lambda: Aim({}))
    _reached: Aim = field(default_factory=lambda: Aim({}))
    """The last aim that an update led to, without names."""
    _target: dict[str, SwitchRules] = field(default_factory=dict)
    """What each switch should hold when no update is under way."""
    _update: _Update | None = None
    _stocks: dict[str, Stock] = field(default_factory=dict)
    """What switches held that have appeared before the first update."""
    _all_seen: bool = False
    _held_up: bool = False

    def __post_init__(self) -> None:
        self._naming = Naming(self.network.plan)
        self._transits = Transits(self.network)

    @property
    def idle(self) -> bool:
        """Whether the wanted rules are there."""
        return self._all_seen and self._update is None and self._aim is self._reached

    @property
    def pending(self) -> list[dict[str, object]]:
        """The update under way and whom it waits for."""
        if self._update is None:
            return super().pending
        update = self._update
        said: dict[str, object] = {"update": update.number, "reason": update.reason}
        return [{**said, "step": update.step, "waiting_for": sorted(update.waiting)}]

    def aim(self, aim: Aim, now_s: float) -> Iterator[Effect]:
        """Move to other rules, after the update that is under way."""
        self._aim, self._held_up = aim, False
        if self._update is not None:
            self._update.waiting -= aim.isolated - self.held.keys()
            yield from self._advance(now_s)
        yield from self._begin(now_s)

    def stock_taken(self, switch: str, stock: Stock, now_s: float) -> Iterator[Effect]:
        """Bring a switch to where the others are, and go on with what had to wait for it."""
        self.held[switch] = stock.rules
        self.away.pop(switch, None)
        self._held_up = False
        if self._update is None and switch not in self._target:
            self._stocks[switch] = stock
            self._all_seen = self._all_seen or self.held.keys() >= set(self.names)
        else:
            wanted = self._update.rules_of(switch) if self._update else self._target[switch]
            yield from self._compare(switch, stock, wanted)
            yield from self._remove_foreign(switch, stock)
            step = self._update.step if self._update else None
            caught_up = list(self._bring(wanted, Ticket(switch, step=step)))
            yield from caught_up
            if self._update and not caught_up:
                self._update.waiting.discard(switch)
                yield from self._advance(now_s)
        yield from self._begin(now_s)

    def start_up_over(self, now_s: float) -> Iterator[Effect]:
        """Begin with the switches that are there."""
        self._all_seen = True
        yield from self._begin(now_s)

    def gone(self, switch: str, now_s: float) -> Iterator[Effect]:
        """Take back what is only prepared; else wait for the switch."""
        yield from super().gone(switch, now_s)
        update = self._update
        if update and switch in update.waiting and switch not in update.aim.isolated:
            if update.step is Step.PREPARE:
                yield from self._take_back(update, switch, "the switch cannot be reached")
            else:
                fields = {"update": update.number, "step": update.step, "switch": switch}
                yield Log("update-waiting", fields, warning=True)

    def refused(self, switch: str, now_s: float) -> Iterator[Effect]:
        """Do not move to rules of which a switch has refused one."""
        update = self._update
        if update and update.step is Step.PREPARE and self._target:
            yield from self._take_back(update, switch, "the switch has refused a rule")

    def acknowledged(self, number: int, now_s: float) -> Iterator[Effect]:
        """One switch is through with a step."""
        ticket = self._open.get(number)
        yield from super().acknowledged(number, now_s)
        if ticket and self._update and ticket.step == self._update.step:
            self._update.waiting.discard(ticket.switch)
            yield from self._advance(now_s)
        yield from self._begin(now_s)

    def woken(self, now_s: float) -> Iterator[Effect]:
        """Old packets may be through."""
        yield from self._advance(now_s)
        yield from self._begin(now_s)

    def _begin(self, now_s: float) -> Iterator[Effect]:
        if not self._all_seen or self._update or self._held_up or self._aim is self._reached:
            return
        aim, known = self._aim, {**self.away, **self.held}
        named = self._naming.rules(aim.rules, known)
        unreachable = [
            switch
            for switch, rules in self.away.items()
            if rules != named[switch] and switch not in aim.isolated
        ]
        if unreachable:
            self._held_up = True
            fields = {"reason": aim.reason, "waiting_for": sorted(unreachable)}
            yield Log("update-postponed", fields, warning=True)
            return
        self._updates += 1
        steps = {
            switch: steps_between(known.get(switch, _NO_RULES), named[switch]) for switch in named
        }
        first = "take-over" if any(rules.flows for rules in known.values()) else "start"
        reason = aim.reason if self._target else first
        self._update = _Update(self._updates, aim, known, steps, reason)
        yield from self._compare_all(named)
        changed = [switch for switch in self.held if self.held[switch] != named[switch]]
        begun = {"update": self._updates, "reason": reason, "switches": len(changed)}
        yield Log("update-begun", begun)
        yield from self._next_step(now_s)

    def _compare_all(self, named: Mapping[str, SwitchRules]) -> Iterator[Effect]:
        for switch, stock in self._stocks.items():
            yield from self._compare(switch, stock, named[switch])
            yield from self._remove_foreign(switch, stock)
        self._stocks.clear()

    def _advance(self, now_s: float) -> Iterator[Effect]:
        update = self._update
        if update is None or update.waiting:
            return
        if update.step is Step.SWITCH:
            if update.drained_at_s is None:
                yield from self._drain(update, now_s)
            if update.drained_at_s is None or now_s < update.drained_at_s:
                return
        yield from self._next_step(now_s)

    def _drain(self, update: _Update, now_s: float) -> Iterator[Effect]:
        """From now on no packet gets an old name; wait for those on their way."""
        stale = any(update.steps[switch][Step.CLEAN] != self.held[switch] for switch in self.held)
        wait_s = 0.0
        if stale:
            spans = (update.aim.avoided, self._reached.avoided)
            wait_s = max(self._transits.longest_s(avoided) for avoided in spans) + _MARGIN_S
        update.drained_at_s = now_s + wait_s
        yield Log("update-switched", {"update": update.number, "drain_s": round(wait_s, 6)})
        if wait_s:
            yield Wake(update.drained_at_s)

    def _next_step(self, now_s: float) -> Iterator[Effect]:
        update = self._update
        assert update is not None
        following = {None: Step.PREPARE, Step.PREPARE: Step.SWITCH, Step.SWITCH: Step.CLEAN}
        if update.step is Step.CLEAN:
            self._update, self._reached = None, update.aim
            self._target = {switch: steps[Step.CLEAN] for switch, steps in update.steps.items()}
            yield Log("update-done", {"update": update.number, "reason": update.reason})
            return
        update.step = following[update.step]
        for switch in self.names:
            ticket = Ticket(switch, update.number, update.step)
            if switch in self.held:
                sent = list(self._bring(update.rules_of(switch), ticket))
                update.waiting |= {switch} if sent else set()
                yield from sent
            elif switch in self.away and switch not in update.aim.isolated:
                update.waiting.add(switch)
        yield from self._advance(now_s)

    def _take_back(self, update: _Update, switch: str, why: str) -> Iterator[Effect]:
        self._update, self._held_up = None, True
        fields = {"update": update.number, "switch": switch, "why": why}
        yield Log("update-taken-back", fields, warning=True)
        for other in list(self.held):
            yield from self._bring(update.before.get(other, _NO_RULES), Ticket(other))
