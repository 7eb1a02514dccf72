"""What the controller knows, for people and programs: JSON over HTTP, on the loopback only.

`python -m controller.ask` asks; docs/reference/controller.md lists the questions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from controller.core import Core
from controller.dataplane import DataPlane, Trace
from topologies.plan import PlannedHost

LOOPBACK = "127.0.0.1"
Answer = Mapping[str, Any]


class UnknownError(Exception):
    """There is no such question, or no such switch or host."""


def serve(core: Core, port: int) -> None:
    """Answer until the process ends."""
    import eventlet  # noqa: PLC0415 - only within the controller's process
    import eventlet.wsgi  # noqa: PLC0415

    listener = eventlet.listen((LOOPBACK, port))
    eventlet.wsgi.server(listener, lambda *call: respond(core, *call), log_output=False)


def answer(core: Core, question: str, query: Mapping[str, str]) -> Answer:
    """The answer to one question. Raises UnknownError."""
    if question not in QUESTIONS:
        raise UnknownError(f"unknown question {question!r}; there are: {', '.join(QUESTIONS)}")
    return QUESTIONS[question](core, query)


def _topology(core: Core, _query: Mapping[str, str]) -> Answer:
    health = core.health
    dead, waiting = health.dead, health.waiting
    return {
        "policy": core.policy.name,
        "switches": {
            switch.name: "connected" if switch.name in core.connected else "away"
            for switch in core.plan.switches
        },
        "spans": {
            span.id: "failed" if span.id in dead else "waiting" if span.id in waiting else "live"
            for span in core.plan.spans
        },
        "ends_confirmed": core.discovery.confirmed,
        "differences": core.discovery.differences,
    }


def _paths(core: Core, query: Mapping[str, str]) -> Answer:
    plane, source, target = _pair(core, query)
    return {"path": _way(plane.send(source, target, core.health.dead))}


def _protection(core: Core, query: Mapping[str, str]) -> Answer:
    """Where a pair's packets go if, on top of what has failed, one span of their path fails."""
    plane, source, target = _pair(core, query)
    dead = core.health.dead
    now = plane.send(source, target, dead)
    repairs = {span: _way(plane.send(source, target, dead | {span})) for span in now.spans}
    return {"path": _way(now), "if_it_fails": repairs}


def _pending(core: Core, _query: Mapping[str, str]) -> Answer:
    return {
        "idle": core.installer.idle,
        "updates": core.installer.pending,
        "spans_waiting_to_be_used": sorted(core.health.waiting),
    }


def _counters(core: Core, _query: Mapping[str, str]) -> Answer:
    held = core.installer.held
    return {
        "flows": {switch: len(rules.flows) for switch, rules in held.items()},
        "groups": {switch: len(rules.groups) for switch, rules in held.items()},
        **core.installer.counters,
    }


QUESTIONS: Mapping[str, Callable[[Core, Mapping[str, str]], Answer]] = {
    "topology": _topology,
    "paths": _paths,
    "protection": _protection,
    "pending": _pending,
    "counters": _counters,
}


def _pair(core: Core, query: Mapping[str, str]) -> tuple[DataPlane, PlannedHost, PlannedHost]:
    ends = [_host(core, query.get(name, "")) for name in ("from", "to")]
    held = {**core.installer.away, **core.installer.held}
    missing = [switch.name for switch in core.plan.switches if switch.name not in held]
    if missing:
        raise UnknownError(f"nothing is known yet of the rules of {', '.join(missing[:5])}")
    return DataPlane(core.plan, held), ends[0], ends[1]


def _host(core: Core, name: str) -> PlannedHost:
    for host in core.plan.hosts:
        if name in (host.name, host.port.switch):
            return host
    raise UnknownError(f"there is no host, and no switch with a host, of the name {name!r}")


def _way(trace: Trace) -> Answer:
    way: dict[str, Any] = {"outcome": trace.outcome.value, "switches": list(trace.sites)}
    way["spans"] = list(trace.spans)
    if trace.most_labels:
        way["labels"] = [list(stack) for stack in trace.stacks]
    return {**way, "reason": trace.reason} if trace.reason else way


def respond(
    core: Core, environment: Mapping[str, Any], start: Callable[..., Any]
) -> Iterable[bytes]:
    """The answer to one HTTP request (a WSGI application)."""
    # Without a question mark in the address there is no such variable.
    asked = parse_qs(environment.get("QUERY_STRING", ""))
    query = {name: values[0] for name, values in asked.items()}
    try:
        status, body = "200 OK", answer(core, environment["PATH_INFO"].strip("/"), query)
    except UnknownError as error:
        status, body = "404 Not Found", {"error": str(error)}
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"]
