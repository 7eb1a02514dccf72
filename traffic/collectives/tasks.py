"""What each message of a schedule has to wait for, from the ranges that they touch.

Messages of one rank do not wait for the end of a round: a message leaves as soon as what it
carries is complete, so that trees and chains are pipelined over any delay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from traffic.collectives.schedule import Message


class Task:
    """A message in a rank's order. before: how many tasks have to be done; after: who waits."""

    __slots__ = ("after", "before", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.before = 0
        self.after: list[int] = []


class _Interval:
    """Who has touched one part of the buffer since it was last replaced."""

    __slots__ = ("readers", "reducers", "writer")

    def __init__(self) -> None:
        self.writer: int | None = None
        self.reducers: list[int] = []
        self.readers: list[int] = []

    def touch(self, number: int, message: Message) -> Iterable[int]:
        """The earlier tasks that this one waits for; from now on others wait for it."""
        written = [] if self.writer is None else [self.writer]
        if message.sends:
            self.readers.append(number)
            return [*written, *self.reducers]
        if message.reduces:  # adding commutes
            waits = written + self.readers
            self.reducers.append(number)
            self.readers = []
            return waits
        waits = [*written, *self.reducers, *self.readers]
        self.writer, self.reducers, self.readers = number, [], []
        return waits


def tasks(rounds: Sequence[Sequence[Message]]) -> list[Task]:
    """One rank's messages in order, with what each waits for.

    Within a round, sends come before receives. Messages to the same rank and of the same
    channel also wait for each other, so that they leave in order.
    """
    ordered = [m for part in rounds for m in sorted(part, key=lambda message: not message.sends)]
    found = [Task(message) for message in ordered]
    edges = sorted({edge for message in ordered for edge in (message.at, message.end)})
    place = {edge: index for index, edge in enumerate(edges)}
    intervals = [_Interval() for _ in edges]
    last_sent: dict[tuple[int, int], int] = {}
    for number, message in enumerate(ordered):
        waits = set[int]()
        for interval in intervals[place[message.at] : place[message.end]]:
            waits.update(interval.touch(number, message))
        if message.sends:
            key = message.peer, message.channel
            waits.update([last_sent[key]] if key in last_sent else [])
            last_sent[key] = number
        found[number].before = len(waits)
        for earlier in waits:
            found[earlier].after.append(number)
    return found
