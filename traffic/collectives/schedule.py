"""What a schedule is made of: messages, in rounds.

A message that one rank sends in a round is received by the other in the same round, so that
ranks that go round by round, with no buffers at all between them, never wait in a circle.
Counts are elements of `ELEMENT_BYTES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

ELEMENT_BYTES = 4
MOST_PIECES = 64
"""Of one range, for pipelined algorithms: with 1,024 a double tree of 10 MB took as long."""

Span = tuple[int, int]
"""A range of a rank's buffer, in elements: its start and its end."""


class Message:
    """One message as one of its two ranks sees it.

    at, end: where it lies in this rank's buffer. sends: it goes to `peer`, else it comes from
    there. reduces: what comes is added to what is there, else it replaces it. Messages between
    two ranks keep their order within a `channel`.
    """

    __slots__ = ("at", "channel", "end", "peer", "reduces", "sends")

    def __init__(
        self, peer: int, span: Span, *, sends: bool, reduces: bool = False, channel: int = 0
    ) -> None:
        self.peer, self.sends, self.reduces, self.channel = peer, sends, reduces, channel
        self.at, self.end = span

    @property
    def elements(self) -> int:
        """How many numbers it carries."""
        return self.end - self.at


class Rounds:
    """One rank's messages, round by round; a message without a number is left out."""

    def __init__(self) -> None:
        self.rounds: list[list[Message]] = []

    def __len__(self) -> int:
        return len(self.rounds)

    def send(self, number: int, peer: int, span: Span, channel: int = 0) -> None:
        """Send a part of the buffer in a round."""
        self._add(number, Message(peer, span, sends=True, channel=channel))

    def receive(self, number: int, peer: int, span: Span, channel: int = 0) -> None:
        """Receive into a part of the buffer in a round."""
        self._add(number, Message(peer, span, sends=False, channel=channel))

    def reduce(self, number: int, peer: int, span: Span, channel: int = 0) -> None:
        """Receive in a round and add to a part of the buffer."""
        self._add(number, Message(peer, span, sends=False, reduces=True, channel=channel))

    def _add(self, number: int, message: Message) -> None:
        while len(self.rounds) <= number:
            self.rounds.append([])
        if message.elements:
            self.rounds[number].append(message)


class Shape:
    """What a schedule is made for.

    elements: of the whole vector (nccl-tests' count over all ranks). piece_elements: the size
    that pipelined algorithms cut it into. groups: the ranks of each site, for hierarchical
    ones. root: of a broadcast, scatter or gather.
    """

    __slots__ = ("elements", "groups", "piece_elements", "ranks", "root")

    def __init__(
        self,
        ranks: int,
        elements: int,
        *,
        piece_elements: int = 4096,
        groups: Sequence[Sequence[int]] = (),
        root: int = 0,
    ) -> None:
        self.ranks, self.elements, self.root = ranks, elements, root
        self.piece_elements = piece_elements
        self.groups = [list(group) for group in groups] or [list(range(ranks))]


def parts(span: Span, count: int) -> list[Span]:
    """Cut a range into parts whose sizes differ by one element at most; some may be empty."""
    at, end = span
    return list(pairwise(at + (end - at) * part // count for part in range(count + 1)))


def pieces(span: Span, piece_elements: int) -> list[Span]:
    """Cut a range into at most MOST_PIECES pieces of about `piece_elements`; at least one."""
    count = -(-(span[1] - span[0]) // piece_elements)
    return parts(span, max(1, min(count, MOST_PIECES)))
