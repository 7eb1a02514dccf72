"""How long a schedule takes on a network of given rates and delays, if nothing else does.

The LogGP model (A. Alexandrov et al., "LogGP", SPAA 1995) with no processor overhead: a
message goes into its host's queue as soon as it is ready, the queue drains at the line rate,
and a message has arrived one delay after its last bit has left. For a ring, and for halving
and doubling, this is the closed form, such as 2 (n - 1) (S / (n B) + d).
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import count

from traffic.collectives.schedule import ELEMENT_BYTES, Message
from traffic.collectives.tasks import tasks

MSS_BYTES = 1448
"""What a full TCP segment carries over Ethernet, with timestamps."""
SEGMENT_OVERHEAD_BYTES = 66
"""Ethernet 14, IPv4 20, TCP 20, and 12 of timestamps."""
HEADER_BYTES = 16
"""In front of each message, the engine's own."""

# Arrivals this close are one instant: parts of a vector differ by a number, some bytes long.
_SAME_S = 1e-6

Program = Sequence[Sequence[Message]]
"""One rank's rounds."""
OccupiedS = Callable[[int, int, int], float]
"""Seconds for which a message of so many bytes, from one rank to another, fills the line."""
DelayS = Callable[[int, int, int], float]
"""Seconds from a message's last bit on the sender's line to its last bit at the receiver."""


def wire_bytes(payload_bytes: int, connections: int = 1) -> int:
    """What a message is on the line, with the headers of all layers down to Ethernet."""
    total = 0
    for part in range(connections):
        share = payload_bytes * (part + 1) // connections - payload_bytes * part // connections
        if share:
            data = share + HEADER_BYTES
            total += data + SEGMENT_OVERHEAD_BYTES * -(-data // MSS_BYTES)
    return total


def sent_bytes(program: Program) -> dict[int, int]:
    """Payload that a rank sends, by receiver."""
    totals: dict[int, int] = defaultdict(int)
    for part in program:
        for message in part:
            if message.sends:
                totals[message.peer] += message.elements * ELEMENT_BYTES
    return dict(totals)


def schedule_s(programs: Sequence[Program], occupied_s: OccupiedS, delay_s: DelayS) -> float:
    """From the start of all ranks to the last message's arrival."""
    run = _Run(programs, occupied_s, delay_s)
    return run.finish()


class _Run:
    """The discrete events: a message has arrived."""

    def __init__(self, programs: Sequence[Program], occupied_s: OccupiedS, delay_s: DelayS) -> None:
        self.tasks = [tasks(program) for program in programs]
        self.waiting = [[task.before for task in own] for own in self.tasks]
        self.occupied_s, self.delay_s = occupied_s, delay_s
        self.free_s = [0.0] * len(programs)
        self.arrivals: list[tuple[float, int, int, int]] = []
        self.order = count()
        self.expected: dict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        for rank, own in enumerate(self.tasks):
            for number, task in enumerate(own):
                message = task.message
                if not message.sends:
                    self.expected[message.peer, rank, message.channel].append(number)

    def finish(self) -> float:
        for rank, own in enumerate(self.tasks):
            self.ready(rank, [number for number, task in enumerate(own) if not task.before], 0.0)
        now_s = 0.0
        while self.arrivals:
            now_s = self.arrivals[0][0]
            freed: dict[int, list[int]] = defaultdict(list)
            while self.arrivals and self.arrivals[0][0] <= now_s + _SAME_S:
                _, _, rank, number = heapq.heappop(self.arrivals)
                freed[rank] += self.done(rank, number)
            for rank, numbers in sorted(freed.items()):
                self.ready(rank, numbers, now_s)
        return now_s

    def ready(self, rank: int, numbers: list[int], now_s: float) -> None:
        """Put messages in the line's queue; once one is there, it is done for its sender.

        Of what is ready at once, what stands first in the schedule leaves first.
        """
        heapq.heapify(numbers)
        while numbers:
            number = heapq.heappop(numbers)
            message = self.tasks[rank][number].message
            if message.sends:
                self.send(rank, message, now_s)
                for later in self.done(rank, number):
                    heapq.heappush(numbers, later)

    def send(self, rank: int, message: Message, now_s: float) -> None:
        """One message: when it has left the line, and when it arrives."""
        size = message.elements * ELEMENT_BYTES
        left_s = max(now_s, self.free_s[rank]) + self.occupied_s(rank, message.peer, size)
        self.free_s[rank] = left_s
        arrived_s = left_s + self.delay_s(rank, message.peer, size)
        receive = self.expected[rank, message.peer, message.channel].popleft()
        heapq.heappush(self.arrivals, (arrived_s, next(self.order), message.peer, receive))

    def done(self, rank: int, number: int) -> list[int]:
        """The messages that waited for nothing else."""
        freed = []
        for later in self.tasks[rank][number].after:
            self.waiting[rank][later] -= 1
            if not self.waiting[rank][later]:
                freed.append(later)
        return freed
