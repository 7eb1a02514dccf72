"""What a kind of workload is: its fields, its programs, its figures and how they are shown.

A kind is one module of this package with a `KIND`, and an entry in `__init__`; nothing else
knows it. Modules here never import the scenario, which is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args

from pydantic import ConfigDict, Field

from experiments.measurements.catalogue import Log
from experiments.phases import Phase
from experiments.rows import Figures, Row
from topologies.plan import NetworkPlan
from topologies.problems import Locate, Location, Problem
from topologies.spec import Strict, Topology
from traffic.clock import NS_PER_S
from traffic.describe import Process
from traffic.schedule import Schedule

BYTES_PER_GB = 1e9
MBPS_PER_GBPS = 1000
WORKLOAD_NAME = r"^[a-z][a-z0-9-]{0,31}$"
WorkloadName = Annotated[str, Field(pattern=WORKLOAD_NAME)]
MORE_PORTS = 64
"""How many ports a workload may take beside its first one."""
# Below those that the kernel gives away by itself, for 150 workloads.
_FIRST_MORE_PORT = 22_000
Point = dict[str, Any]
"""One mark of a chart."""


class WorkloadFields(Strict):
    """What the scenario says of every workload; each kind adds fields of its own."""

    model_config = ConfigDict(populate_by_name=True)
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Fields that other kinds have and this one cannot, and why."""

    name: WorkloadName
    kind: str
    start_s: float = Field(default=0.0, ge=0)
    """When it begins, after the start of the trial's workloads."""
    stop_s: float | None = Field(default=None, gt=0)
    """When it ends; left out: at the end of the trial."""

    def begins_ns(self, trial_start_ns: int) -> int:
        """When it begins, on the clock on which the trial began."""
        return trial_start_ns + round(self.start_s * NS_PER_S)

    def ends_ns(self, trial_start_ns: int, trial_stop_ns: int) -> int:
        """When it ends, on the same clock."""
        if self.stop_s is None:
            return trial_stop_ns
        return min(trial_stop_ns, trial_start_ns + round(self.stop_s * NS_PER_S))


class ShapedFields(WorkloadFields):
    """A workload whose rate can rise, and rest: see docs/reference/traffic.md, Schedules."""

    ramp_s: float = Field(default=0.0, ge=0)
    """The rate rises from nothing for so long."""
    on_s: float | None = Field(default=None, ge=0.001)
    """It works for so long, then rests for off_s, again and again."""
    off_s: float | None = Field(default=None, ge=0.001)

    def schedule(self, trial_start_ns: int) -> Schedule:
        """When it works."""
        ramp_ns, on_ns, off_ns = (
            round((value or 0.0) * NS_PER_S) for value in (self.ramp_s, self.on_s, self.off_s)
        )
        return Schedule(self.begins_ns(trial_start_ns), ramp_ns, on_ns, off_ns)


def without_schedule(why: str) -> Mapping[str, str]:
    """The `refused` fields of a kind that knows no ramp and no rest."""
    return MappingProxyType(dict.fromkeys(ShapedFields.model_fields.keys() - _SHARED, why))


_SHARED = WorkloadFields.model_fields.keys()
W = TypeVar("W", bound=WorkloadFields)


@dataclass(frozen=True, slots=True)
class Slot:
    """What is one workload's own in a trial: its place, its port, its seed and its time.

    start_at_ns, stop_at_ns: when it sends (CLOCK_MONOTONIC); measured_from_ns: when the
    trial's warm-up is over; drained_at_ns: until when receivers stay. borders_ns: where a phase
    begins or the last one ends. exact_clock: packets leave when they are due (the clock
    `virtual`).
    """

    plan: NetworkPlan
    folder: Path
    index: int
    port: int
    seed: int
    start_at_ns: int
    stop_at_ns: int
    measured_from_ns: int
    drained_at_ns: int
    borders_ns: tuple[int, ...]
    exact_clock: bool
    prepared: Path
    """Where `Kind.prepare` has put what it made."""

    def more_port(self, number: int) -> int:
        """A further port of this workload's own, by a number below MORE_PORTS."""
        return _FIRST_MORE_PORT + MORE_PORTS * self.index + number

    def out(self, name: str) -> str:
        """A file among the workload's samples."""
        return str(self.folder / name)

    def address(self, host: str, port: int | None = None) -> str:
        """HOST:PORT of a host's end of this workload, at its own port or another."""
        return f"{self.plan.host(host).ip}:{self.port if port is None else port}"

    def scaled_mbps(self, rate_gbps: float) -> float:
        """A real rate as it is in the scaled network."""
        return rate_gbps * MBPS_PER_GBPS / self.plan.scale

    def scaled_bytes(self, size_gb: float) -> int:
        """A real volume (10^9 bytes) as it is in the scaled network."""
        return round(size_gb * BYTES_PER_GB / self.plan.scale)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is known of a workload before its trial.

    base: what files named in the scenario are relative to. folder: where the workload's
    prepared files go.
    """

    topology: Topology
    base: Path
    folder: Path
    seed: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A program of a workload: its name within the workload, its host, its command line."""

    name: str
    host: str
    process: Process


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured trial: what its files hold, and the times that they are read by.

    All times count from the start of the workloads, but for those in files that are kept as
    the programs wrote them: their clock then showed clock_start_ns. start_ns, stop_ns: second 0
    of the scenario and its end. steps: the faults' steps as they were taken. repairs_s: of each
    fault, when it is mended. events: the controller's.
    """

    samples: Path
    plan: NetworkPlan
    start_ns: int
    stop_ns: int
    phases: tuple[Phase, ...]
    steps: Sequence[Mapping[str, Any]]
    repairs_s: tuple[float | None, ...]
    events: Sequence[Mapping[str, Any]]
    clock_start_ns: int = 0

    def folder(self, workload: WorkloadFields) -> Path:
        """Where the workload's samples lie."""
        return self.samples / workload.name

    def prepared(self, workload: WorkloadFields) -> Path:
        """Where what was made for it beforehand lies."""
        return self.samples.parent / "prepared" / workload.name

    def seconds(self, at_ns: int) -> float:
        """A moment as seconds after the start of the workloads."""
        return (at_ns - self.start_ns) / NS_PER_S

    def taken(self, step: str) -> list[Mapping[str, Any]]:
        """All steps of a name (`cut`, `mend`, …), in the order in which they were taken."""
        return [taken for taken in self.steps if taken["step"] == step]


@dataclass(frozen=True, slots=True)
class Record:
    """A workload as it stands in a file, before it is known to be right."""

    fields: Mapping[str, Any]
    scenario: Mapping[str, Any]
    topology: Topology | None
    base: Location
    locate: Locate
    folder: Path
    """What files named in it are relative to."""

    def problem(self, message: str, *field: str | int) -> Problem:
        """Something wrong with the workload, or with one of its fields."""
        return Problem(self.locate((*self.base, *field)), message)


@dataclass(frozen=True, slots=True)
class Chart(Generic[W]):
    """A chart of the report. points: its marks, with `t_s` and the field `y`.

    form `around-cut` takes points with `t_ms` and a `fate` (see the kind `probe`).
    """

    title: str
    note: str
    points: Callable[[Measured, W], Iterator[Point]]
    y: str
    y_title: str
    mark: Literal["line", "point"] = "point"
    logarithmic: bool = False
    form: Literal["over-time", "around-cut"] = "over-time"


def _no_problems(_record: Record) -> Iterator[Problem]:
    yield from ()


def _nothing_to_prepare(_workload: Any, _given: Preparation) -> None:
    pass


def _no_logs(_workload: Any) -> Iterator[Log]:
    yield from ()


def _no_note(_figures: Figures) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Kind(Generic[W]):
    """One kind of workload, from the scenario's fields to the rows of the table.

    fields: the class of its fields; `kind` is its name. group: where the summary keeps its
    figures. hosts: the fields that name hosts. processes: its programs, those that must be
    there first before the others. figures: from the samples to figures whose names carry
    units; raises OSError or ValueError for samples that cannot be used. rows: the figures of
    all policies (None: failed) as rows. note: a line under the title. problems: what is
    wrong in a file beyond single fields. logs: what its programs write that becomes tables
    before `figures` is asked. prepare: makes files for the trial beforehand, on the
    machine that has the scenario's; raises OSError or ValueError.
    """

    fields: type[W]
    group: str
    hosts: tuple[str, ...]
    processes: Callable[[W, Slot], Iterator[HostProcess]]
    figures: Callable[[Measured, W], Figures]
    rows: Callable[[Sequence[Figures | None]], Iterator[Row]]
    problems: Callable[[Record], Iterator[Problem]] = _no_problems
    note: Callable[[Figures], str] = _no_note
    prepare: Callable[[W, Preparation], None] = _nothing_to_prepare
    charts: tuple[Chart[W], ...] = ()
    logs: Callable[[W], Iterator[Log]] = _no_logs

    @property
    def name(self) -> str:
        """What the scenario's field `kind` says."""
        return str(get_args(self.fields.model_fields["kind"].annotation)[0])
