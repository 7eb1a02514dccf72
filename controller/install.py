"""Bringing rules onto the switches: what each one holds, and what is on its way to it.

`AtOnce` sends every change as soon as it is known and waits for nobody: the fastest
way out of a failure that nobody has repaired. `hitless.Hitless` loses no packet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from controller.changes import Stock, changes_between, compared, removal
from controller.effects import Effect, Log, Send
from controller.rules import SwitchRules


@dataclass(frozen=True)
class Aim:
    """Rules to be brought onto the switches.

    rules: by switch. avoided: the spans that they do not use. isolated: the switches
    that no packet can reach. reason: of the change, for its events.
    """

    rules: Mapping[str, SwitchRules]
    avoided: frozenset[str] = frozenset()
    isolated: frozenset[str] = frozenset()
    reason: str = "start"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a switch has to acknowledge."""

    switch: str
    update: int | None = None
    """None: the rules of one switch that has connected."""
    step: str | None = None

    def fields(self) -> dict[str, object]:
        """For events."""
        said = {"switch": self.switch, "update": self.update, "step": self.step}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def subject(self) -> str:
        """The first word of the events about it."""
        return "rules" if self.update is None else "update"


@dataclass
class Installer(ABC):
    """Keeps what the connected switches hold; subclasses decide when to change it."""

    names: Collection[str]
    """All switches of the plan."""
    held: dict[str, SwitchRules] = field(default_factory=dict)
    """What each connected switch holds, once all that was sent has arrived."""
    away: dict[str, SwitchRules] = field(default_factory=dict)
    """What those held that have been connected and are not."""
    sent: int = 0
    """Flows and groups changed so far."""
    _open: dict[int, Ticket] = field(default_factory=dict)
    _tickets: int = 0
    _updates: int = 0

    @property
    def idle(self) -> bool:
        """Whether all that was sent is acknowledged and nothing more is to be sent."""
        return not self._open

    @property
    def pending(self) -> list[dict[str, object]]:
        """What switches have yet to acknowledge."""
        return [ticket.fields() for ticket in self._open.values()]

    @property
    def counters(self) -> dict[str, int]:
        """What has been done so far."""
        return {"updates": self._updates, "changes_sent": self.sent}

    @abstractmethod
    def aim(self, aim: Aim, now_s: float) -> Iterator[Effect]:
        """Other rules are wanted from now on."""

    @abstractmethod
    def stock_taken(self, switch: str, stock: Stock, now_s: float) -> Iterator[Effect]:
        """A switch is there (again); this is what it holds."""

    def gone(self, switch: str, now_s: float) -> Iterator[Effect]:
        """A switch's connection has ended; what it was sent last may have been lost."""
        if switch in self.held:
            self.away[switch] = self.held.pop(switch)
        self._open = {n: ticket for n, ticket in self._open.items() if ticket.switch != switch}
        yield from ()

    def acknowledged(self, number: int, now_s: float) -> Iterator[Effect]:
        """A switch has done all that was sent with this ticket."""
        ticket = self._open.pop(number, None)
        if ticket is not None:
            yield Log(f"{ticket.subject}-installed", ticket.fields())

    def refused(self, switch: str, now_s: float) -> Iterator[Effect]:
        """A switch has refused a rule."""
        yield from ()

    def woken(self, now_s: float) -> Iterator[Effect]:
        """The time that was asked for has come."""
        yield from ()

    def start_up_over(self, now_s: float) -> Iterator[Effect]:
        """Switches that have not appeared are not waited for any longer."""
        yield from ()

    def _bring(self, to: SwitchRules, ticket: Ticket) -> Iterator[Effect]:
        """Send a switch what leads from the rules that it holds to others."""
        changes = changes_between(self.held[ticket.switch], to)
        # Also if both are equal: that they are the same object is seen at once later.
        self.held[ticket.switch] = to
        if not changes:
            return
        self._tickets += 1
        self._open[self._tickets] = ticket
        send = Send(ticket.switch, changes, self._tickets)
        self.sent += send.count
        yield Log(f"{ticket.subject}-sent", {**ticket.fields(), "changes": send.count})
        yield send

    def _compare(self, switch: str, stock: Stock, wanted: SwitchRules) -> Iterator[Effect]:
        counts = asdict(compared(stock, wanted))
        yield Log("stock-taken", {"switch": switch, **counts})

    def _remove_foreign(self, switch: str, stock: Stock) -> Iterator[Effect]:
        if stock.foreign:
            self._tickets += 1
            self._open[self._tickets] = Ticket(switch)
            yield Log("foreign-removed", {"switch": switch, "flows": len(stock.foreign)})
            yield Send(switch, removal(stock.foreign), self._tickets)


@dataclass
class AtOnce(Installer):
    """Each switch gets what is wanted as soon as it is known."""

    _wanted: Mapping[str, SwitchRules] = field(default_factory=dict)

    def aim(self, aim: Aim, now_s: float) -> Iterator[Effect]:
        """Send every connected switch what changes for it."""
        self._wanted = aim.rules
        self._updates += 1
        for switch in self.names:
            # A switch that is away gets the difference when it returns.
            if switch in self.held:
                yield from self._bring(aim.rules[switch], Ticket(switch, self._updates))

    def stock_taken(self, switch: str, stock: Stock, now_s: float) -> Iterator[Effect]:
        """Send what differs; what is right is not touched."""
        self.held[switch] = stock.rules
        yield from self._compare(switch, stock, self._wanted[switch])
        yield from self._bring(self._wanted[switch], Ticket(switch))
        yield from self._remove_foreign(switch, stock)
