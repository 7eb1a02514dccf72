"""What a scenario forbids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.workloads import KINDS
from experiments.workloads.kind import Record, WorkloadFields, WorkloadName
from topologies.plan import NetworkPlan
from topologies.problems import Problem, unknown
from topologies.spec import Strict, Topology


class Forbidden(Strict):
    """Spans that the packets of a workload must not use."""

    workload: WorkloadName
    spans: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    """All spans with an end in one of these too; `US` holds `US-WA`."""

    def resolved(self, topology: Topology) -> Forbidden:
        """The same with the jurisdictions' spans among the spans."""
        own = [span for name in self.jurisdictions for span in spans_in(name, topology)]
        return self.model_copy(update={"spans": tuple(dict.fromkeys((*self.spans, *own)))})


def spans_in(jurisdiction: str, topology: Topology) -> list[str]:
    """The fibre spans with an end in a jurisdiction."""
    inside = {
        site.id for site in topology.sites if f"{site.jurisdiction}-".startswith(f"{jurisdiction}-")
    }
    return [span.id for span in topology.spans if inside & {span.a, span.b}]


def hosts_of(workload: WorkloadFields, plan: NetworkPlan) -> list[str]:
    """The hosts that a workload's packets are from and to; all, if it names none."""
    told = _named({name: getattr(workload, name, None) for name in _host_attributes(workload)})
    return told or [host.name for host in plan.hosts]


def _host_attributes(workload: WorkloadFields) -> list[str]:
    by_alias = {field.alias or name: name for name, field in type(workload).model_fields.items()}
    return [by_alias[field] for field in KINDS[workload.kind].hosts if field in by_alias]


def _named(fields: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for value in fields.values():
        names += [value] if isinstance(value, str) else list(value or ())
    return list(dict.fromkeys(names))


def forbidden_problems(record: Record, workloads: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """What is wrong with a rule in a file beyond single fields; workloads: as they stand there."""
    name, spans = record.fields.get("workload"), record.fields.get("spans")
    names = [str(one.get("name")) for one in workloads]
    if isinstance(name, str) and name not in names:
        yield record.problem(unknown("workload", name, names), "workload")
    elif isinstance(name, str):
        yield from _not_told_apart(record, name, workloads)
    if not spans and not record.fields.get("jurisdictions"):
        yield record.problem("forbids nothing; give spans, or jurisdictions")
    yield from _unknown_jurisdictions(record)
    known = [span.id for span in record.topology.spans] if record.topology else None
    listed = spans if isinstance(spans, list) else []
    for index, span in enumerate(listed):
        if isinstance(span, str) and known is not None and span not in known:
            yield record.problem(unknown("span", span, known), "spans", index)
        elif span in listed[:index]:
            yield record.problem(f"span {span!r} stands here twice", "spans", index)


def _unknown_jurisdictions(record: Record) -> Iterator[Problem]:
    given, topology = record.fields.get("jurisdictions"), record.topology
    if topology is None or not isinstance(given, list):
        return
    known = sorted({site.jurisdiction for site in topology.sites if site.jurisdiction})
    for index, name in enumerate(given):
        if isinstance(name, str) and not spans_in(name, topology):
            message = unknown("jurisdiction with a span", name, known)
            yield record.problem(message, "jurisdictions", index)


def _not_told_apart(
    record: Record, name: str, workloads: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """Packets are known by the hosts that they are from and to."""
    own = next(_hosts_in_file(one) for one in workloads if one.get("name") == name)
    for other in workloads:
        both = own & _hosts_in_file(other)
        if other.get("name") != name and len(both) > 1:
            message = (
                f"packets of {name!r} and of {other.get('name')!r} cannot be told apart: both run"
                f" between {' and '.join(sorted(both)[:2])}; give one of them other hosts"
            )
            yield record.problem(message, "workload")


def _hosts_in_file(workload: Mapping[str, Any]) -> set[str]:
    kind = KINDS.get(str(workload.get("kind")))
    fields = kind.hosts if kind else ()
    named = {field: workload.get(field) for field in fields}
    return set(
        _named({key: value for key, value in named.items() if isinstance(value, str | list)})
    )
