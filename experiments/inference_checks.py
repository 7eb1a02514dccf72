"""What is wrong with an inference workload beyond single fields: hosts, arrivals, traces."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from itertools import islice
from typing import Any

from experiments.inference_energy import energy_problems
from experiments.workloads.inference import InferenceWorkload
from experiments.workloads.kind import BYTES_PER_GB, Record
from topologies.problems import Problem, unknown
from topologies.spec import host_names
from traffic.clock import NS_PER_S
from traffic.file_problems import BadFile
from traffic.objectives import MLPERF
from traffic.request_plan import Agents, replayed
from traffic.request_trace import RequestTrace, read_trace

_PACKET_BYTES = 1500
_OF_A_TRACE = ("speed_up", "skip_s")
_OF_LENGTHS = (
    "prompt_tokens", "prompt_sigma", "prompt_max_tokens",
    "answer_tokens", "answer_sigma", "answer_max_tokens",
)  # fmt: skip


def problems(record: Record) -> Iterator[Problem]:
    """Everything wrong with the workload that no single field shows."""
    yield from _servers(record)
    yield from _arrivals(record)
    yield from _lengths(record)
    yield from _agents(record)
    yield from _weights(record)
    yield from energy_problems(record)
    objective = record.fields.get("objective")
    if isinstance(objective, str) and objective not in MLPERF:
        yield record.problem(unknown("objective", objective, MLPERF), "objective")


def _servers(record: Record) -> Iterator[Problem]:
    fields = record.fields
    one, several = fields.get("server"), fields.get("servers")
    if (one is None) == (not several):
        yield record.problem("needs either a server or a list of servers")
    kind = fields.get("placement")
    if kind not in ("edge", "campus", "cloud") or record.topology is None:
        return
    hosts = several if isinstance(several, list) else [one]
    kinds = {n: site.kind.value for site in record.topology.sites for n, _ in host_names(site)}
    if kind not in [kinds.get(host) for host in hosts if isinstance(host, str)]:
        message = f"none of the servers stands at a site of the kind {kind!r}; add one, or choose"
        yield record.problem(f"{message} 'nearest' or 'listed'", "placement")


def _arrivals(record: Record) -> Iterator[Problem]:
    fields = record.fields
    trace = fields.get("trace")
    if (fields.get("rate_rps") is None) == (trace is None):
        yield record.problem("needs either a rate_rps or a trace, which say when requests come")
    if trace is None:
        for field in _OF_A_TRACE:
            if field in fields:
                yield record.problem("belongs to a trace; add trace, or leave it out", field)
        return
    for field in ("arrival_cv", "lengths", *_OF_LENGTHS):
        if field in fields:
            yield record.problem("the trace already says this; leave it out", field)
    found = yield from _read(record, "trace")
    if found is not None:
        yield from _replay(record, found)


def _replay(record: Record, trace: RequestTrace) -> Iterator[Problem]:
    """A trace in other units than its form's is mostly empty where it is replayed."""
    fields = record.fields
    speed_up, skip_s = _number(fields, "speed_up", 1.0), _number(fields, "skip_s", 0.0)
    duration_s = _number(record.scenario, "duration_s", 0.0)
    if speed_up <= 0 or skip_s < 0 or duration_s <= 0:
        return  # told already
    until_ns = round(duration_s * NS_PER_S)
    nobody = Agents(0, (1, 1), 0, 0)
    replay = replayed(trace, nobody, until_ns, speed_up=speed_up, skip_s=skip_s)
    count = len(list(islice(replay, 2)))
    if count == 2 or count == len(trace):
        return
    length_s = trace.at_ns[-1] / NS_PER_S
    yield record.problem(
        f"only {count} of its {len(trace)} requests are due within duration_s ({duration_s:g}): "
        f"the trace is {length_s:g} s long, skip_s is {skip_s:g} and speed_up {speed_up:g}. Change "
        "these, or the file, if its times are not in the unit of its form",
        "trace",
    )


def _lengths(record: Record) -> Iterator[Problem]:
    if record.fields.get("trace") is not None:
        return
    if record.fields.get("lengths") is not None:
        for field in _OF_LENGTHS:
            if field in record.fields:
                yield record.problem("lengths already says this; leave it out", field)
        yield from _read(record, "lengths")
        return
    for what in ("prompt", "answer"):
        median, most = (
            _number(record.fields, field, InferenceWorkload.model_fields[field].default)
            for field in (f"{what}_tokens", f"{what}_max_tokens")
        )
        if median > most:
            message = f"{most:g} is less than the median ({what}_tokens: {median:g})"
            yield record.problem(message, f"{what}_max_tokens")


def _read(record: Record, field: str) -> Generator[Problem, None, RequestTrace | None]:
    """Read a trace; yields its problems and returns it, or None."""
    name = record.fields[field]
    if not isinstance(name, str):
        return None
    path = str(record.folder / name)
    try:
        return read_trace(path)
    except OSError as error:
        yield record.problem(f"cannot read {path}: {error.strerror}", field)
    except BadFile as bad:
        for line in bad.lines():
            yield record.problem(line, field)
    return None


def _agents(record: Record) -> Iterator[Problem]:
    agents = record.fields.get("agents")
    if not isinstance(agents, Mapping):
        return
    tools = agents.get("tools")
    for index, host in enumerate(tools if isinstance(tools, list) else []):
        yield from _host(record, host, "agents", "tools", index)
        if isinstance(tools, list) and host in tools[:index]:
            message = f"host {host!r} stands here twice; one process runs on each"
            yield record.problem(message, "agents", "tools", index)
    fewest, most = _number(agents, "fewest_calls", 1), _number(agents, "most_calls", 3)
    if most < fewest:
        message = f"{most:g} is less than fewest_calls ({fewest:g})"
        place = "most_calls" if "most_calls" in agents else "fewest_calls"
        yield record.problem(message, "agents", place)


def _weights(record: Record) -> Iterator[Problem]:
    weights = record.fields.get("weights")
    if not isinstance(weights, Mapping):
        return
    yield from _host(record, weights.get("from"), "weights", "from")
    size_gb, scale = _number(weights, "size_gb", 1.0), _number(record.scenario, "scale", 10_000.0)
    size = size_gb * BYTES_PER_GB / scale if scale > 0 else _PACKET_BYTES
    if 0 < size < _PACKET_BYTES:
        message = f"{size_gb:g} GB at 1:{scale:g} is less than a packet of {_PACKET_BYTES} bytes"
        yield record.problem(f"{message}; choose a smaller scale", "weights", "size_gb")


def _host(record: Record, name: Any, *field: str | int) -> Iterator[Problem]:
    if record.topology is None or not isinstance(name, str):
        return
    hosts = {host for site in record.topology.sites for host, _ in host_names(site)}
    if name not in hosts:
        yield record.problem(unknown("host", name, hosts), *field)


def _number(fields: Mapping[str, Any], name: str, default: float) -> float:
    value = fields.get(name, default)
    right = isinstance(value, int | float) and not isinstance(value, bool)
    return value if right else default
