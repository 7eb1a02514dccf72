"""Read what the programs wrote. Times are CLOCK_MONOTONIC nanoseconds; None is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Step:
    """One training step of one rank."""

    rank: int
    ranks: int
    step: int
    status: str
    """`ok` or `unfinished`."""
    reason: str | None
    start_ns: int
    compute_ns: int
    """How long the rank computes in the step."""
    compute_end_ns: int | None
    end_ns: int | None
    exposed_ns: int | None
    """How long it did not compute, because it waited for communication (or another stage)."""
    bytes: int
    sent_bytes: int
    received_bytes: int
    algbw_mbps: float | None
    busbw_mbps: float | None
    wrong: int | None

    @property
    def communication_ns(self) -> int | None:
        """How long the all-reduce took at this rank, waiting for slower ranks included."""
        if self.end_ns is None or self.compute_end_ns is None:
            return None
        return self.end_ns - self.compute_end_ns

    @property
    def goodput(self) -> float | None:
        """The share of the step in which the rank computed."""
        if self.end_ns is None or self.end_ns <= self.start_ns:
            return None
        return self.compute_ns / (self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True)
class CollectiveRun:
    """One collective operation as one rank saw it."""

    rank: int
    ranks: int
    collective: str
    algorithm: str
    bytes: int
    """Of the whole vector, as nccl-tests counts a collective's size."""
    iteration: int
    warm_up: bool
    status: str
    """`ok` or `unfinished`."""
    reason: str | None
    start_ns: int | None
    end_ns: int | None
    sent_bytes: int
    received_bytes: int
    wrong: int | None
    """None: not checked."""


@dataclass(frozen=True, slots=True)
class Request:
    """One inference request as its user saw it."""

    id: int
    status: str
    """`ok`, `failed` or `unfinished`."""
    reason: str | None
    due_ns: int
    """When the open-loop schedule sent it; latencies count from here."""
    sent_ns: int | None
    first_token_ns: int | None
    end_ns: int
    prompt_tokens: int
    tokens_expected: int
    tokens: int
    sent_bytes: int
    received_bytes: int
    connection: str
    """`new` or `reused`."""
    server: str | None
    """HOST:PORT that gave the whole answer."""
    failures: list[str]
    """Each try that failed: HOST:PORT and why."""
    tools: int
    """Calls to tool servers that the request has; more than 0 is an agent's."""
    tool_ns: int
    """Time that the calls to tools took."""

    @property
    def end_to_end_ns(self) -> int | None:
        """Until the whole answer was there."""
        return self.end_ns - self.due_ns if self.status == "ok" else None

    @property
    def ttft_ns(self) -> int | None:
        """Time to first token; for an agent's request the first of its last answer."""
        return None if self.first_token_ns is None else self.first_token_ns - self.due_ns

    @property
    def tpot_ns(self) -> float | None:
        """Time per output token after the first; None for unfinished or one-token answers."""
        if self.status != "ok" or self.first_token_ns is None or self.tokens < 2:
            return None
        return (self.end_ns - self.first_token_ns) / (self.tokens - 1)


@dataclass(frozen=True, slots=True)
class BurstSent:
    """One sender's burst of an incast."""

    sender: int
    burst: int
    status: str
    """`ok` (the kernel has all of it) or `unfinished`."""
    reason: str | None
    due_ns: int
    begun_ns: int | None
    accepted_ns: int | None
    bytes: int
    sent_bytes: int
    retransmitted: int | None
    """Segments sent again while it was handed over."""


@dataclass(frozen=True, slots=True)
class BurstReceived:
    """One sender's burst of an incast as the receiver saw it."""

    sender: int
    burst: int
    due_ns: int
    first_ns: int
    bytes: int
    status: str
    """`ok` or `unfinished`."""
    reason: str | None
    end_ns: int | None
    received_bytes: int


def read_records(kind: type[R], path: Path) -> Iterator[R]:
    """What one program logged, line by line. Raises OSError, and ValueError for a foreign file."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
            except ValueError:
                raise ValueError(f"{path}:{number}: not a line of JSON") from None
            try:
                yield kind(**record)
            except TypeError:
                raise ValueError(f"{path}: not a log of this kind ({kind.__name__})") from None


def read_steps(path: Path) -> list[Step]:
    """The steps that one rank logged. Raises as read_records."""
    return list(read_records(Step, path))


def read_collectives(path: Path) -> list[CollectiveRun]:
    """The operations that one rank logged. Raises as read_records."""
    return list(read_records(CollectiveRun, path))


def read_requests(path: Path) -> list[Request]:
    """The requests that one user host logged, in the order in which they were due.

    Raises as read_records.
    """
    return sorted(read_records(Request, path), key=lambda request: request.id)
