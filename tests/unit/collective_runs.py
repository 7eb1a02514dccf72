"""Carry out schedules on lists of numbers, in any order that a network may produce."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Sequence

from traffic.collectives.schedule import Message
from traffic.collectives.tasks import tasks

Buffers = list[list[int]]


class Execution:
    """All ranks of one collective; `finish` picks what happens next at random.

    A message is taken from a stream (one for each pair of ranks) in order, and only when its
    receiver is ready for it. buffered: streams hold whatever is sent; else a message is sent
    in the moment in which it is received, as over connections without any buffer.
    """

    def __init__(
        self, programs: Sequence[list[list[Message]]], buffers: Buffers, buffered: bool
    ) -> None:
        self.buffers, self.buffered = buffers, buffered
        self.tasks = [tasks(program) for program in programs]
        self.before = [[task.before for task in own] for own in self.tasks]
        self.streams: dict[tuple[int, int], deque[tuple[int, list[int] | None]]] = defaultdict(
            deque
        )
        self.receives: dict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        for rank, own in enumerate(self.tasks):
            for number, task in enumerate(own):
                if not task.message.sends:
                    key = task.message.peer, rank, task.message.channel
                    self.receives[key].append(number)
        self.moved = 0

    def finish(self, choice: random.Random) -> None:
        for rank, own in enumerate(self.tasks):
            for number, task in enumerate(own):
                if not task.before and task.message.sends:
                    self.send(rank, number)
        while possible := [pair for pair in sorted(self.streams) if self.can_move(pair)]:
            self.move(choice.choice(possible))
        assert not any(self.streams.values()), "messages that nobody takes: a deadlock"
        assert not any(self.receives.values()), "receivers that wait for ever"

    def send(self, rank: int, number: int) -> None:
        message = self.tasks[rank][number].message
        data = self.buffers[rank][message.at : message.end] if self.buffered else None
        self.streams[rank, message.peer].append((number, data))
        if self.buffered:
            self.done(rank, number)

    def can_move(self, pair: tuple[int, int]) -> bool:
        source, target = pair
        if not self.streams[pair]:
            return False
        message = self.tasks[source][self.streams[pair][0][0]].message
        waiting = self.receives[source, target, message.channel]
        return bool(waiting) and not self.before[target][waiting[0]]

    def move(self, pair: tuple[int, int]) -> None:
        source, target = pair
        number, data = self.streams[pair].popleft()
        sent = self.tasks[source][number].message
        receive = self.receives[source, target, sent.channel].popleft()
        wanted = self.tasks[target][receive].message
        assert wanted.elements == sent.elements
        data = self.buffers[source][sent.at : sent.end] if data is None else data
        own = self.buffers[target][wanted.at : wanted.end]
        self.buffers[target][wanted.at : wanted.end] = (
            [a + b for a, b in zip(own, data, strict=True)] if wanted.reduces else data
        )
        self.moved += len(data)
        if not self.buffered:
            self.done(source, number)
        self.done(target, receive)

    def done(self, rank: int, number: int) -> None:
        for later in self.tasks[rank][number].after:
            self.before[rank][later] -= 1
            if not self.before[rank][later] and self.tasks[rank][later].message.sends:
                self.send(rank, later)
