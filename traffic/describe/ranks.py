"""Programs with ranks: training, collectives, incast."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.describe.process import Process


@dataclass(frozen=True, kw_only=True)
class _Rank(Process):
    """What all programs with ranks have; `peers` are all ranks' HOST:PORT in order.

    groups: the ranks of each site, such as `0,1;2,3`. connections: for each pair of ranks.
    """

    rank: int
    peers: tuple[str, ...]
    algorithm: str | None = None
    connections: int = 1
    groups: str | None = None
    piece_bytes: int = 16_384
    verify: bool = False
    seed: int = 0
    connect_timeout_s: float = 30.0
    stall_timeout_s: float = 300.0
    grace_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class TrainingRank(_Rank):
    """One rank of a training loop; `bytes` go with each step or synchronisation."""

    program = "training"

    bytes: int
    loop: str = "data-parallel"
    compute_ms: float = 0.0
    compute_jitter: float = 0.0
    buckets: int = 1
    inner_steps: int = 100
    fragments: int = 1
    overlap_steps: int = 0
    microbatches: int = 8
    steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class CollectiveRank(_Rank):
    """One rank of a collective of several sizes; without iterations it goes on to the end."""

    program = "collective"

    bytes: tuple[str, ...]
    collective: str = "all-reduce"
    root: int = 0
    iterations: int | None = None
    warm_up: int = 5
    period_s: float = 0.0
    one_clock: bool = False


@dataclass(frozen=True, kw_only=True)
class IncastSender(Process):
    """Bursts to one receiver, `to` HOST:PORT, at instants that all senders share."""

    program = "incast"
    role = "send"

    to: str
    bytes: int
    sender: int = 0
    period_ms: float = 100.0
    jitter_us: float = 0.0
    bursts: int | None = None
    seed: int = 0
    connect_timeout_s: float = 30.0
    stall_timeout_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class IncastReceiver(Process):
    """Takes the bursts of `senders` senders."""

    program = "incast"
    role = "receive"

    port: int
    senders: int | None = None
    bind: str | None = None
