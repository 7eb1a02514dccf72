"""What a kind of fault is: its fields, and what it breaks when.

A kind is one module of this package with a `KIND`, and an entry in `__init__`; nothing else
knows it. Modules here never import the scenario, which is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, get_args

from pydantic import Field

from topologies.plan import NetworkPlan, PlannedSpan
from topologies.problems import Locate, Location, Problem
from topologies.spec import Strict, Topology


class FaultError(Exception):
    """A fault could not be made, or was made and had no effect."""


class FaultFields(Strict):
    """What the scenario says of every fault; each kind adds fields of its own."""

    kind: str
    at_s: float = Field(ge=0)
    repair_at_s: float | None = Field(default=None, gt=0)
    """None: never."""


F = TypeVar("F", bound=FaultFields)


class Controller(Protocol):
    """What faults do to the controller's process. All raise FaultError if it stays as it was."""

    def crash(self) -> None:
        """End it at once, as a power cut does."""
        ...

    def start_again(self) -> None:
        """Start a new one in its place."""
        ...

    def hang(self) -> None:
        """Stop it where it is; its connections stay."""
        ...

    def go_on(self) -> None:
        """Let a hung one go on."""
        ...

    def check_down(self) -> None:
        """Raise FaultError if it runs."""
        ...


@dataclass(frozen=True, slots=True)
class Scene:
    """What faults act on: the built network (a Mininet object) and its controller."""

    plan: NetworkPlan
    net: Any
    controller: Controller


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and where a fault of a scenario happens.

    duration_s: of the scenario. seed: of the fault's own random choices.
    """

    plan: NetworkPlan
    duration_s: float
    seed: int

    def end_s(self, fault: FaultFields) -> float:
        """When the fault is over at the latest."""
        return self.duration_s if fault.repair_at_s is None else fault.repair_at_s


Act = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that is broken and, if until_s says when, mended.

    names: of the two steps in the events; `cut` and `mend` where spans carry nothing in
    between. spans: the ids of the spans that it is about. confirm: raises FaultError if it
    had no effect; called before `undo`, or at the end of the trial. parts: what else than its
    spans no other fault may break at the same time.
    """

    names: tuple[str, str]
    at_s: float
    until_s: float | None
    spans: tuple[str, ...]
    act: Act
    undo: Act
    confirm: Act
    parts: tuple[str, ...] = ()

    @property
    def everything(self) -> frozenset[str]:
        """All that it breaks."""
        return frozenset(self.spans) | frozenset(self.parts)

    def together_with(self, other: Effect) -> Effect:
        """Both at this one's times and under its names; `other` begins second and ends first."""

        def act(scene: Scene) -> None:
            self.act(scene)
            other.act(scene)

        def undo(scene: Scene) -> None:
            other.undo(scene)
            self.undo(scene)

        def confirm(scene: Scene) -> None:
            self.confirm(scene)
            other.confirm(scene)

        return replace(
            self,
            spans=self.spans + other.spans,
            parts=self.parts + other.parts,
            act=act,
            undo=undo,
            confirm=confirm,
        )


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault as it stands in a file, before it is known to be right."""

    fields: Mapping[str, Any]
    topology: Topology
    base: Location
    locate: Locate

    def problem(self, message: str, *field: str | int) -> Problem:
        """Something wrong with the fault, or with one of its fields."""
        return Problem(self.locate((*self.base, *field)), message)


def _no_problems(_record: FaultRecord) -> Iterator[Problem]:
    yield from ()


@dataclass(frozen=True, slots=True)
class FaultKind(Generic[F]):
    """One kind of fault.

    fields: the class of its fields; `kind` is its name. effects: what it breaks, when.
    spans: the ids of the spans that it breaks, from the fields as they stand in a file; two
    faults never break a span at the same time. names: the fields that name something, with
    all names of the topology that are allowed. problems: what else is wrong in a file.
    """

    fields: type[F]
    effects: Callable[[F, Occasion], Iterator[Effect]]
    spans: Callable[[Mapping[str, Any], Topology], Iterable[str]]
    names: Callable[[Topology], Mapping[str, Iterable[str]]]
    problems: Callable[[FaultRecord], Iterator[Problem]] = _no_problems

    @property
    def name(self) -> str:
        """What the scenario's field `kind` says."""
        return str(get_args(self.fields.model_fields["kind"].annotation)[0])


def planned(plan: NetworkPlan, span_id: str) -> PlannedSpan:
    """The span of that id. Raises KeyError if there is none."""
    return {span.id: span for span in plan.spans}[span_id]


def span_names(topology: Topology) -> Mapping[str, Iterable[str]]:
    """For kinds whose field `span` names a span."""
    return {"span": [span.id for span in topology.spans]}


def own_span(fields: Mapping[str, Any], _topology: Topology) -> Iterable[str]:
    """For kinds that break the span that their field `span` names."""
    return [fields["span"]] if isinstance(fields.get("span"), str) else []


def one_of_the_ends(record: FaultRecord) -> Iterator[Problem]:
    """A field `towards` names an end of the fault's span."""
    towards = record.fields.get("towards")
    for span in record.topology.spans:
        known = span.id == record.fields.get("span")
        if known and towards is not None and towards not in (span.a, span.b):
            message = f"{towards!r} is no end of span {span.id!r}; its ends are {span.a}, {span.b}"
            yield record.problem(message, "towards")
