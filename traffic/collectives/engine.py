"""Carries out one rank's part of collectives, one after another, over its connections.

Everything that may move moves at once: a message leaves when what it carries is complete, and
is taken in when what it replaces has left. A message is divided among the connections to its
peer. Nothing blocks, so the rank can compute (wait for a time) while bytes move.
"""

from __future__ import annotations

import heapq
import socket
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping

from traffic.clock import NS_PER_S, now_ns
from traffic.collectives.connection import HEADER, Connection
from traffic.collectives.schedule import ELEMENT_BYTES, Message, parts
from traffic.collectives.tasks import Task, tasks
from traffic.collectives.unfinished import Unfinished
from traffic.event_loop import EventLoop
from traffic.vector import add

_WATCH_NS = NS_PER_S


class Patience:
    """How long a rank waits for the others.

    give_up_ns: no waiting after that point in time. stall_s: how long nothing may move.
    """

    __slots__ = ("give_up_ns", "stall_ns")

    def __init__(self, stall_s: float, give_up_ns: int | None = None) -> None:
        self.stall_ns, self.give_up_ns = round(stall_s * NS_PER_S), give_up_ns


class Plan:
    """One rank's part of a collective, ready to be carried out again and again."""

    __slots__ = ("receives", "tasks")

    def __init__(self, rounds: list[list[Message]]) -> None:
        self.tasks: list[Task] = tasks(rounds)
        self.receives = [n for n, task in enumerate(self.tasks) if not task.message.sends]


class Engine:
    """Give it the connections and an event loop that stops on signals; close it at the end."""

    def __init__(
        self,
        sockets: Mapping[tuple[int, int], socket.socket],
        connections: int,
        loop: EventLoop,
        patience: Patience,
    ) -> None:
        self.loop, self.patience, self.count = loop, patience, connections
        self.links = {key: Connection(self, loop, *key, sock) for key, sock in sockets.items()}
        self.flags = 0
        self.sequence = -1
        self.sent_bytes = self.received_bytes = self.done_ns = 0
        self._plan: Plan | None = None
        self._buffer = memoryview(bytearray())
        self._adds = False
        self._before: list[int] = []
        self._parts_left: list[int] = []
        self._left = 0
        self._ready: list[int] = []
        self._posting = False
        self._expected: dict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        self._moved_ns = now_ns()
        self._watching = False
        if patience.give_up_ns is not None:
            loop.at(patience.give_up_ns, _nothing)

    def close(self) -> None:
        """Close all connections; what was sent still arrives."""
        for link in self.links.values():
            link.close()

    def start(
        self,
        plan: Plan,
        buffer: memoryview,
        *,
        adds: bool,
        flags: int = 0,
        held: Iterable[int] = (),
    ) -> None:
        """Begin a collective; the one before must be done.

        adds: whether reductions are carried out (else the bytes are only moved). flags: this
        rank's; `self.flags` becomes those of all whose messages reached it. held: sends that
        wait for `release` as well.
        """
        assert not self._left, "the collective before is not done"
        self.sequence += 1
        self.flags, self._plan, self._buffer, self._adds = flags, plan, buffer, adds
        self._before = [task.before for task in plan.tasks]
        for number in held:
            self._before[number] += 1
        self._parts_left = [self._count_parts(task.message) for task in plan.tasks]
        self._left = len(plan.tasks)
        for number in plan.receives:
            message = plan.tasks[number].message
            for part, (at, end) in enumerate(parts((0, message.elements), self.count)):
                if at < end:
                    self._expected[message.peer, part, message.channel].append(number)
        self._moved_ns = now_ns()
        for link in self.links.values():
            link.read_on()
        for number, before in enumerate(self._before):
            if not before and plan.tasks[number].message.sends:
                heapq.heappush(self._ready, number)
        self._post_ready()

    @property
    def done(self) -> bool:
        """Whether the collective is complete at this rank."""
        return not self._left

    def task_done(self, number: int) -> bool:
        """Whether one message of the collective is complete."""
        return not self._parts_left[number]

    def release(self, number: int) -> None:
        """Let a held message go."""
        self._unblock(number)

    def wait(self, met: Callable[[], bool], until_ns: int | None = None) -> bool:
        """Move bytes until a condition is met or a time has come; whether it was met.

        Raises Unfinished when a peer fails, nothing moves any more, or the run is over.
        """
        if until_ns is not None:
            self.loop.at(until_ns, _nothing)
        while not met():
            if until_ns is not None and now_ns() >= until_ns:
                return False
            self._check(waits_for_peer=until_ns is None)
            self.loop.turn()
        return True

    def finish(self) -> None:
        """Move bytes until the collective is complete. Raises Unfinished."""
        self.wait(lambda: not self._left)

    def compute(self, until_ns: int) -> None:
        """Compute until a time, while bytes move. Raises Unfinished."""
        self.wait(lambda: False, until_ns)

    def place_for(
        self, link: Connection, sequence: int, channel: int, size: int
    ) -> tuple[memoryview, int] | None:
        """Where a message that has come belongs, and its task; None if it has to wait."""
        if sequence > self.sequence:
            return None  # the peer is ahead
        expected = self._expected[link.peer, link.number, channel]
        if sequence != self.sequence or not expected or self._plan is None:
            raise Unfinished(f"rank {link.peer} sent something else than what was due")
        number = expected[0]
        if self._before[number]:
            return None
        at, end = self._part_bounds(self._plan.tasks[number].message, link.number)
        if size != end - at:
            raise Unfinished(f"rank {link.peer} sent {size} bytes where {end - at} were due")
        expected.popleft()
        if self._plan.tasks[number].message.reduces:
            return link.scratch(size), number
        return self._buffer[at:end], number

    def expects(self, link: Connection) -> bool:
        """Whether something is still to come over a connection."""
        return any(
            waiting
            for (peer, part, _), waiting in self._expected.items()
            if (peer, part) == (link.peer, link.number)
        )

    def part_arrived(self, link: Connection, number: int) -> None:
        """A connection has a whole part of a message."""
        assert self._plan is not None
        message = self._plan.tasks[number].message
        if message.reduces and self._adds:
            at, end = self._part_bounds(message, link.number)
            own = self._buffer[at:end]
            own[:] = add(own, link.scratch(end - at))
        self.part_done(number)

    def part_done(self, number: int) -> None:
        """A part of a message is out, or in; perhaps others waited for it."""
        assert self._plan is not None
        self._parts_left[number] -= 1
        if self._parts_left[number]:
            return
        self._left -= 1
        if not self._left:
            self.done_ns = now_ns()
        for later in self._plan.tasks[number].after:
            self._unblock(later)

    def moved(self, sent: int = 0, received: int = 0) -> None:
        """Count bytes; something moves."""
        self.sent_bytes += sent
        self.received_bytes += received
        self._moved_ns = now_ns()

    def _unblock(self, number: int) -> None:
        assert self._plan is not None
        self._before[number] -= 1
        if self._before[number]:
            return
        message = self._plan.tasks[number].message
        if message.sends:
            heapq.heappush(self._ready, number)
            self._post_ready()
        else:
            for part in range(self.count):
                link = self.links[message.peer, part]
                if not link.reading:
                    link.read_on()

    def _post_ready(self) -> None:
        """Send what is ready, in the schedule's order: no tree waits for the other one's end.

        What the kernel takes at once makes further messages ready, so it calls itself.
        """
        if self._posting:
            return
        self._posting = True
        while self._ready:
            self._post(heapq.heappop(self._ready))
        self._posting = False

    def _post(self, number: int) -> None:
        assert self._plan is not None
        message = self._plan.tasks[number].message
        for part in range(self.count):
            at, end = self._part_bounds(message, part)
            if at < end:
                header = HEADER.pack(self.sequence, message.channel, self.flags, end - at)
                self.links[message.peer, part].post(header, self._buffer[at:end], number)

    def _count_parts(self, message: Message) -> int:
        return min(self.count, message.elements)

    def _part_bounds(self, message: Message, part: int) -> tuple[int, int]:
        """Which bytes of the buffer one connection carries of a message."""
        at, end = parts((message.at, message.end), self.count)[part]
        return at * ELEMENT_BYTES, end * ELEMENT_BYTES

    def _check(self, waits_for_peer: bool) -> None:
        """Raises Unfinished if it is over."""
        if self.loop.interrupted:
            raise Unfinished("ended by a signal", failed=False)
        present_ns = now_ns()
        if self.patience.give_up_ns is not None and present_ns >= self.patience.give_up_ns:
            raise Unfinished("the run ended before the step", failed=False)
        if not self._watching:
            self._watching = True
            self.loop.at(present_ns + min(_WATCH_NS, self.patience.stall_ns), self._look)
        idle_ns = present_ns - self._moved_ns
        if waits_for_peer and self._left and idle_ns >= self.patience.stall_ns:
            raise Unfinished(f"nothing moved for {idle_ns / NS_PER_S:g} s")

    def _look(self) -> None:
        self._watching = False


def _nothing() -> None:
    """A point in time at which the loop only has to wake."""
