"""What a scenario's fields say together, and against its topology.

Works on the data as read, so that these problems are told together with those
of single fields.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.policies import POLICIES
from experiments.captures import capture_problems
from experiments.faults import KINDS as FAULTS
from experiments.faults.kind import FaultRecord
from experiments.forbidden.rule import forbidden_problems
from experiments.workloads import KINDS
from experiments.workloads.kind import Record, ShapedFields
from topologies.problems import Locate, Problem, unknown
from topologies.spec import Topology, host_names


def semantic_problems(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate, folder: Path
) -> list[Problem]:
    """Everything wrong with a scenario that no single field shows.

    folder: what files named in it are relative to.
    """
    return [
        *_policies(data, locate),
        *_bfd_spans(data, topology, locate),
        *_names(data, "workloads", "workload", locate),
        *_names(data, "captures", "capture", locate),
        *_workloads(data, topology, locate, folder),
        *_captures(data, topology, locate, folder),
        *_forbidden(data, topology, locate, folder),
        *_faults(data, topology, locate),
        *_buffers(data, locate),
        *_times(data, locate),
        *_overlaps(data, topology, locate),
    ]


def _records(data: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    value = data.get(key)
    if not isinstance(value, list):
        return []
    return [(index, item) for index, item in enumerate(value) if isinstance(item, Mapping)]


def _policies(data: Mapping[str, Any], locate: Locate) -> Iterator[Problem]:
    policies = data.get("policies")
    seen: set[str] = set()
    for index, name in enumerate(policies if isinstance(policies, list) else []):
        if not isinstance(name, str):
            continue
        if name not in POLICIES:
            yield Problem(locate(("policies", index)), unknown("policy", name, POLICIES))
        elif name in seen:
            yield Problem(locate(("policies", index)), f"policy {name!r} stands here twice")
        seen.add(name)


def _bfd_spans(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate
) -> Iterator[Problem]:
    bfd = data.get("bfd")
    spans = bfd.get("spans") if isinstance(bfd, Mapping) else None
    known = [span.id for span in topology.spans] if topology else None
    for name in spans if isinstance(spans, Mapping) else ():
        if known is not None and name not in known:
            yield Problem(locate(("bfd", "spans", str(name))), unknown("span", str(name), known))


def _names(data: Mapping[str, Any], key: str, what: str, locate: Locate) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, record in _records(data, key):
        name = record.get("name")
        if isinstance(name, str) and name in seen:
            place = locate((key, index, "name"))
            yield Problem(place, f"duplicate {what} name {name!r}; names are unique")
        seen.add(str(name))


def _captures(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate, folder: Path
) -> Iterator[Problem]:
    for index, capture in _records(data, "captures"):
        record = Record(capture, data, topology, ("captures", index), locate, folder)
        yield from capture_problems(record)
        yield from _schedule(record)


def _forbidden(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate, folder: Path
) -> Iterator[Problem]:
    workloads = [fields for _, fields in _records(data, "workloads")]
    for index, rule in _records(data, "forbidden"):
        record = Record(rule, data, topology, ("forbidden", index), locate, folder)
        yield from forbidden_problems(record, workloads)


def _workloads(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate, folder: Path
) -> Iterator[Problem]:
    hosts = {n for s in topology.sites for n, _ in host_names(s)} if topology else None
    for index, workload in _records(data, "workloads"):
        kind = KINDS.get(str(workload.get("kind")))
        if kind is None:
            continue
        record = Record(workload, data, topology, ("workloads", index), locate, folder)
        yield from _hosts(record, kind.hosts, hosts)
        yield from _schedule(record)
        yield from kind.problems(record)


def _hosts(
    record: Record, host_fields: Iterable[str], hosts: Collection[str] | None
) -> Iterator[Problem]:
    workload = record.fields
    for field in host_fields:
        value = workload.get(field)
        names = (
            [((field,), value)]
            if not isinstance(value, list)
            else [((field, i), item) for i, item in enumerate(value)]
        )
        for place, name in names:
            if isinstance(name, str) and hosts is not None and name not in hosts:
                yield record.problem(unknown("host", name, hosts), *place)
    if workload.get("from") is not None and workload.get("from") == workload.get("to"):
        yield record.problem(f"from and to are both {workload['to']!r}; they must differ", "to")
    for field in host_fields:
        yield from _repeated(record, field)


def _schedule(record: Record) -> Iterator[Problem]:
    """When a workload works, against the trial's end; each kind may know ramps and rests."""
    fields, duration_s = record.fields, _number(record.scenario, "duration_s")
    start_s, stop_s = _number(fields, "start_s"), _number(fields, "stop_s")
    if duration_s is not None and start_s is not None and start_s >= duration_s:
        message = f"{start_s} s is not before the end (duration_s: {duration_s})"
        yield record.problem(message, "start_s")
    if duration_s is not None and stop_s is not None and stop_s > duration_s:
        yield record.problem(f"{stop_s} s is after the end (duration_s: {duration_s})", "stop_s")
    if stop_s is not None and stop_s <= (start_s or 0):
        yield record.problem(
            f"{stop_s} s is not after its start (start_s: {start_s or 0})", "stop_s"
        )
    on_s, off_s = fields.get("on_s"), fields.get("off_s")
    kind = KINDS.get(str(fields.get("kind")))
    shaped = kind is not None and issubclass(kind.fields, ShapedFields)
    if shaped and (on_s is None) != (off_s is None):
        given, lacking = ("on_s", "off_s") if off_s is None else ("off_s", "on_s")
        yield record.problem(f"{given} needs {lacking} beside it; add it, or leave out both", given)


def _repeated(record: Record, field: str) -> Iterator[Problem]:
    names = record.fields.get(field)
    if not isinstance(names, list):
        return
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"host {name!r} stands here twice; one process runs on each"
            yield record.problem(message, field, index)


def _faults(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate
) -> Iterator[Problem]:
    if topology is None:
        return
    for index, fault in _records(data, "faults"):
        kind = FAULTS.get(str(fault.get("kind")))
        if kind is None:
            continue
        record = FaultRecord(fault, topology, ("faults", index), locate)
        for field, names in kind.names(topology).items():
            target = fault.get(field)
            if isinstance(target, str) and target not in names:
                yield record.problem(unknown(field, target, names), field)
        yield from kind.problems(record)


def _buffers(data: Mapping[str, Any], locate: Locate) -> Iterator[Problem]:
    if data.get("buffer_bytes") is not None and "buffer_ms" in data:
        message = "the buffer is given in bytes and in ms: leave out buffer_bytes or buffer_ms"
        yield Problem(locate(("buffer_bytes",)), message)
    mark_ms = _number(data, "ecn_mark_ms")
    if mark_ms is None:
        return
    if data.get("classes") is not True:
        message = "queues mark only with classes: true; add it, or leave out ecn_mark_ms"
        yield Problem(locate(("ecn_mark_ms",)), message)
    buffer_ms = 20.0 if "buffer_ms" not in data else _number(data, "buffer_ms")
    if data.get("buffer_bytes") is None and buffer_ms is not None and mark_ms >= buffer_ms:
        message = (
            f"{mark_ms:g} ms is not less than the buffer ({buffer_ms:g} ms): nothing is marked"
        )
        yield Problem(locate(("ecn_mark_ms",)), message)


def _times(data: Mapping[str, Any], locate: Locate) -> Iterator[Problem]:
    duration_s = _number(data, "duration_s")
    if duration_s is None:
        return
    warmup_s = _number(data, "warmup_s")
    if warmup_s is not None and warmup_s >= duration_s:
        message = f"the warm-up of {warmup_s} s leaves nothing of duration_s {duration_s} s"
        yield Problem(locate(("warmup_s",)), message)
    for index, fault in _records(data, "faults"):
        at_s, repair_at_s = _number(fault, "at_s"), _number(fault, "repair_at_s")
        for field, time_s in (("at_s", at_s), ("repair_at_s", repair_at_s)):
            if time_s is not None and time_s >= duration_s:
                message = f"{time_s} s is not before the end (duration_s: {duration_s})"
                yield Problem(locate(("faults", index, field)), message)
        if at_s is not None and repair_at_s is not None and repair_at_s <= at_s:
            message = f"{repair_at_s} s is not after the fault itself (at_s: {at_s})"
            yield Problem(locate(("faults", index, "repair_at_s")), message)


def _overlaps(
    data: Mapping[str, Any], topology: Topology | None, locate: Locate
) -> Iterator[Problem]:
    if topology is None:
        return
    broken: list[tuple[int, frozenset[str], float, float]] = []
    for index, fault in _records(data, "faults"):
        spans = frozenset(_spans_of(fault, topology))
        at_s = _number(fault, "at_s") or 0.0
        repair_at_s = _number(fault, "repair_at_s")
        until_s = math.inf if repair_at_s is None else repair_at_s
        for other, others, from_s, to_s in broken:
            if spans & others and at_s < to_s and from_s < until_s:
                message = (
                    f"span {min(spans & others)!r} is broken by faults[{other}] at the same time; "
                    "a span has one fault at a time"
                )
                yield Problem(locate(("faults", index)), message)
                break
        broken.append((index, spans, at_s, until_s))


def _spans_of(fault: Mapping[str, Any], topology: Topology) -> Iterable[str]:
    kind = FAULTS.get(str(fault.get("kind")))
    return () if kind is None else kind.spans(fault, topology)


def _number(record: Mapping[str, Any], field: str) -> float | None:
    value = record.get(field)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
