"""What a person says is to be broken, as a fault of the scenario's own kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from experiments.faults import KINDS
from experiments.faults.kind import FaultFields, FaultRecord
from topologies.problems import InputError, Location, Problem, from_validation, unknown, validated
from topologies.spec import Topology

CONTROLLER = "controller"
# What a bare name may stand for: the kind that cuts it, and the field that names it.
_CUTS = {
    "span": ("span-cut", "span"),
    "conduit": ("conduit-cut", "conduit"),
    "site": ("site-down", "site"),
    "switch": ("node-down", "switch"),
}
_BARE = {"silent": "visibility", "carrier": "visibility", "crash": "how", "hang": "how"}
# A fault by hand begins now; how long it lasts is said with for_s.
_TIMES = ("at_s", "repair_at_s")
LASTS = "for_s"


class Words:
    """The names of a network that can be broken, and what may be said of them."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._targets = _targets(topology)

    @property
    def targets(self) -> tuple[str, ...]:
        """Everything that `cut` takes: spans, conduits, sites, switches, the controller."""
        return tuple(self._targets)

    def options(self, kind: str) -> tuple[str, ...]:
        """What may follow a kind's name, as `field=`."""
        if kind not in KINDS:
            return ()
        fields = (name for name in KINDS[kind].fields.model_fields if name not in ("kind", *_TIMES))
        return (*(f"{name}=" for name in fields), f"{LASTS}=")

    def cut(self, words: Sequence[str]) -> FaultFields:
        """`cut TARGET [silent|carrier|crash|hang] [field=value …]`. Raises InputError."""
        if not words:
            raise InputError(
                [Problem("cut", "what? cut SPAN, CONDUIT, SITE, SWITCH or controller")]
            )
        target, *more = words
        if target in KINDS:
            return self.fault(words)
        if target not in self._targets:
            raise InputError([Problem("cut", unknown("name", target, self._targets))])
        return self.read({**self._targets[target], **_options(more)})

    def fault(self, words: Sequence[str]) -> FaultFields:
        """`fault KIND field=value …`. Raises InputError."""
        if not words or words[0] not in KINDS:
            said = unknown("kind of fault", words[0], KINDS) if words else "what kind?"
            raise InputError([Problem("fault", said)])
        return self.read({"kind": words[0], **_options(words[1:])})

    def read(self, record: Mapping[str, Any]) -> FaultFields:
        """A fault that begins now, from its fields, `for_s` among them.

        Raises InputError with everything that is wrong.
        """
        kind = KINDS.get(str(record.get("kind")))
        if kind is None:
            raise InputError([Problem("kind", unknown("kind", record.get("kind"), KINDS))])
        fields = {name: value for name, value in record.items() if name != LASTS}
        problems = [
            Problem(name, "a fault by hand begins now; say how long it lasts with for_s")
            for name in _TIMES
            if name in fields
        ]
        fields |= {"at_s": 0.0}
        if record.get(LASTS) is not None:
            fields["repair_at_s"] = record[LASTS]
        elif kind.name == "random-cuts":
            problems.append(Problem(LASTS, "this field is missing; say how long the years last"))
        return self._checked(kind.fields, fields, problems)

    def _checked(
        self, model: type[FaultFields], fields: dict[str, Any], problems: list[Problem]
    ) -> FaultFields:
        fault = None
        try:
            fault = validated(model, fields)
        except ValidationError as error:
            problems += from_validation(error, model, fields, _place)
        problems += self._semantic(fields)
        if problems or fault is None:
            raise InputError(problems)
        return fault

    def _semantic(self, fields: Mapping[str, Any]) -> Iterator[Problem]:
        kind = KINDS[fields["kind"]]
        for field, names in kind.names(self._topology).items():
            target = fields.get(field)
            if isinstance(target, str) and target not in names:
                yield Problem(field, unknown(field, target, names))
        yield from kind.problems(FaultRecord(fields, self._topology, (), _place))


def as_record(fault: FaultFields) -> dict[str, Any]:
    """What `Words.read` makes this fault of again."""
    record = fault.model_dump(mode="json", exclude_none=True, exclude={*_TIMES})
    return record | ({LASTS: fault.repair_at_s} if fault.repair_at_s is not None else {})


def parse_fault(record: Mapping[str, Any]) -> FaultFields:
    """A fault that was checked before, where the topology is not at hand."""
    words = {name: value for name, value in record.items() if name != LASTS}
    times = {"at_s": 0.0, "repair_at_s": record.get(LASTS)}
    model: type[FaultFields] = KINDS[record["kind"]].fields
    return validated(model, {**words, **times})


def _targets(topology: Topology) -> dict[str, dict[str, str]]:
    """Each name that can be cut; one that means two things also stands there as `conduit:NAME`."""
    found: dict[str, dict[str, str]] = {}
    for what, (kind, field) in _CUTS.items():
        for name in KINDS[kind].names(topology)[field]:
            fault = {"kind": kind, field: name}
            if name not in found:
                found[name] = fault
            elif what != "switch":  # a site's own switch bears its name
                found[f"{what}:{name}"] = fault
    return found | {CONTROLLER: {"kind": "controller-down"}}


def _options(words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    problems = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and word in _BARE:
            found[_BARE[word]] = word
        elif equals and value:
            found[name] = _value(value)
        else:
            allowed = ", ".join(_BARE)
            problems.append(Problem(word, f"must be field=value, or one of {allowed}"))
    if problems:
        raise InputError(problems)
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text.split(",") if "," in text else text
    return value if isinstance(value, int | float) else text


def _place(location: Location) -> str:
    return ".".join(str(part) for part in location).replace("repair_at_s", LASTS) or "fault"
