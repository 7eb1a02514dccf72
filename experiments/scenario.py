"""What an experiment is: the scenario file's fields, frozen and validated.

See docs/reference/scenario.md. Every time is in virtual seconds after the
start of the workloads; every size and rate is the real one, before scaling.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from experiments.captures import Capture
from experiments.faults import Fault
from experiments.fidelity.limits import FidelityLimits
from experiments.forbidden.rule import Forbidden
from experiments.phases import Phase, phases
from experiments.workloads import Workload
from experiments.workloads.kind import WorkloadName
from topologies.spec import FibreType, Strict


class Clock(StrEnum):
    """Which clock the network lives by."""

    VIRTUAL = "virtual"
    REAL = "real"


class BfdPace(Strict):
    """The pace of Bidirectional Forwarding Detection (RFC 5880)."""

    interval_ms: int = Field(default=10, ge=1, le=10_000)
    multiplier: int = Field(default=3, ge=1, le=255)


class Bfd(BfdPace):
    """On every span, with other paces on some."""

    spans: dict[str, BfdPace] = Field(default_factory=dict)
    """By span id: where it differs."""


class Healing(Strict):
    """How patient the controller is; docs/reference/controller.md explains each timer."""

    hold_off_s: float = Field(default=0.1, ge=0, le=3600)
    wait_to_restore_s: float = Field(default=3.5, ge=0, le=3600)
    half_life_s: float = Field(default=5.0, gt=0, le=86_400)
    suppress_at: float = Field(default=2500.0, gt=0)
    reuse_at: float = Field(default=750.0, gt=0)
    longest_damping_s: float = Field(default=30.0, gt=0, le=86_400)


class Scenario(Strict):
    """A topology, the policies to compare, what it carries and what breaks."""

    name: WorkloadName
    description: str = ""
    topology: str
    """A catalogue name, a formula, a TopoHub key or a file, relative to the scenario's folder."""
    fibre: FibreType | None = None
    """All spans are of this fibre instead of what the topology says: what if?"""
    clock: Clock = Clock.VIRTUAL
    scale: float = Field(default=10_000.0, ge=1, le=1e9)
    """Capacities and data volumes are divided by this; times never are."""
    buffer_ms: float = Field(default=20.0, gt=0, le=10_000)
    """The queue in front of each span, in time at line rate."""
    buffer_bytes: float | None = Field(default=None, ge=1, le=1e12)
    """The queue in bytes instead, before scaling."""
    classes: bool = False
    """Spans serve interactive data (by its DSCP, such as EF) ahead of best effort."""
    ecn_mark_ms: float | None = Field(default=None, gt=0, le=10_000)
    """With classes: queues of data mark packets (ECN) where more than this waits, in time at
    line rate."""
    bfd: Bfd = Bfd()
    healing: Healing = Healing()
    fidelity: FidelityLimits = FidelityLimits()
    """What the machine may do to a trial before it is void."""
    policies: tuple[str, ...] = Field(default=("fast-reroute-reoptimise",), min_length=1)
    warmup_s: float = Field(default=1.0, ge=0)
    """Left out of every statistic."""
    duration_s: float = Field(gt=0, le=86_400)
    seed: int = Field(default=1, ge=0, lt=2**63)
    trials: int = Field(default=1, ge=1, le=10_000)
    """Of each policy, with the seeds seed, seed + 1, …"""
    workloads: tuple[Workload, ...] = Field(min_length=1)
    forbidden: tuple[Forbidden, ...] = ()
    """Spans that some workloads' packets must not use; they are counted there."""
    span_sample_ms: int = Field(default=100, ge=0, le=3_600_000)
    """How often all spans' utilisation and queues are sampled; 0: never."""
    captures: tuple[Capture, ...] = ()
    """Interfaces whose packets are kept as pcap files."""
    faults: tuple[Fault, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each of a policy's trials."""
        return tuple(range(self.seed, self.seed + self.trials))


def scenario_phases(scenario: Scenario, start_ns: int) -> tuple[Phase, ...]:
    """Before, during and after the scenario's faults, on the clock on which it started."""
    # What is there from the beginning belongs to the network.
    broken = [(fault.at_s, fault.repair_at_s) for fault in scenario.faults if fault.at_s > 0]
    return phases(start_ns, scenario.warmup_s, scenario.duration_s, broken)
