"""What the controller knows, for people and programs: JSON over HTTP, on the loopback only.

`fibercut controller` and `python -m controller.ask` ask; docs/reference/controller.md lists
the questions.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from controller.core import Core
from controller.dataplane import DataPlane, Outcome, Trace
from topologies.plan import PlannedHost

LOOPBACK = "127.0.0.1"
_LAST_EVENTS = 20
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is asked about.

    events: the file of the controller's log. pause: called now and then in a long computation,
    so that the controller goes on with its work.
    """

    core: Core
    events: Path | None = None
    pause: Callable[[], None] = lambda: None


class UnknownError(Exception):
    """There is no such question, or no such switch or host, or no answer to it."""


def serve(core: Core, events: Path, port: int) -> None:
    """Answer until the process ends."""
    import eventlet  # noqa: PLC0415 - only within the controller's process
    import eventlet.wsgi  # noqa: PLC0415

    listener = eventlet.listen((LOOPBACK, port))
    subject = Subject(core, events, pause=lambda: eventlet.sleep(0))
    eventlet.wsgi.server(listener, lambda *call: respond(subject, *call), log_output=False)


def answer(subject: Subject, question: str, query: Mapping[str, str]) -> Answer:
    """The answer to one question. Raises UnknownError."""
    if question not in QUESTIONS:
        raise UnknownError(f"unknown question {question!r}; there are: {', '.join(QUESTIONS)}")
    return QUESTIONS[question](subject, query)


def _topology(subject: Subject, _query: Mapping[str, str]) -> Answer:
    core, health = subject.core, subject.core.health
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


def _paths(subject: Subject, query: Mapping[str, str]) -> Answer:
    plane, source, target = _pair(subject.core, query)
    return {"path": _way(plane.send(source, target, subject.core.health.dead))}


def _protection(subject: Subject, query: Mapping[str, str]) -> Answer:
    """Where a pair's packets go if, on top of what has failed, one span of their path fails."""
    plane, source, target = _pair(subject.core, query)
    dead = subject.core.health.dead
    now = plane.send(source, target, dead)
    repairs = {span: _way(plane.send(source, target, dead | {span})) for span in now.spans}
    return {"path": _way(now), "if_it_fails": repairs}


def _pending(subject: Subject, _query: Mapping[str, str]) -> Answer:
    core = subject.core
    return {
        "idle": core.installer.idle,
        "updates": core.installer.pending,
        "spans_waiting_to_be_used": sorted(core.health.waiting),
    }


def _counters(subject: Subject, _query: Mapping[str, str]) -> Answer:
    held = subject.core.installer.held
    return {
        "flows": {switch: len(rules.flows) for switch, rules in held.items()},
        "groups": {switch: len(rules.groups) for switch, rules in held.items()},
        **subject.core.installer.counters,
    }


def _coverage(subject: Subject, _query: Mapping[str, str]) -> Answer:
    """For every pair, what the rules that are there deliver: now, and when one more span fails."""
    plane, dead = _plane(subject.core), subject.core.health.dead
    hosts = {host.port.switch: host for host in subject.core.plan.hosts}.values()
    spans = {s.id: {"pairs": 0, "delivered": 0} for s in subject.core.plan.spans}
    pairs = delivered = 0
    for source, target in itertools.permutations(hosts, 2):
        subject.pause()
        now = plane.send(source, target, dead)
        pairs += 1
        if now.outcome is not Outcome.DELIVERED:
            continue
        delivered += 1
        for span in dict.fromkeys(now.spans):
            after = plane.send(source, target, dead | {span})
            spans[span]["pairs"] += 1
            spans[span]["delivered"] += after.outcome is Outcome.DELIVERED
    return {
        "pairs": pairs,
        "delivered": delivered,
        "if_it_fails": {span: counts for span, counts in spans.items() if span not in dead},
    }


def _events(subject: Subject, query: Mapping[str, str]) -> Answer:
    """The last events, by default 20; `last` may say how many."""
    if subject.events is None:
        raise UnknownError("this controller keeps no log of events")
    wanted = query.get("last", str(_LAST_EVENTS))
    if not wanted.isdecimal():
        raise UnknownError(f"last is a number of events, not {wanted!r}")
    with subject.events.open(encoding="utf-8") as lines:
        return {"events": [json.loads(line) for line in deque(lines, int(wanted))]}


QUESTIONS: Mapping[str, Callable[[Subject, Mapping[str, str]], Answer]] = {
    "topology": _topology,
    "paths": _paths,
    "protection": _protection,
    "coverage": _coverage,
    "pending": _pending,
    "counters": _counters,
    "events": _events,
}


def _pair(core: Core, query: Mapping[str, str]) -> tuple[DataPlane, PlannedHost, PlannedHost]:
    source, target = (_host(core, query.get(name, "")) for name in ("from", "to"))
    return _plane(core), source, target


def _plane(core: Core) -> DataPlane:
    """The switches with the rules that they hold; those that are away forward on."""
    held = {**core.installer.away, **core.installer.held}
    missing = [switch.name for switch in core.plan.switches if switch.name not in held]
    if missing:
        raise UnknownError(f"nothing is known yet of the rules of {', '.join(missing[:5])}")
    return DataPlane(core.plan, held)


def _host(core: Core, name: str) -> PlannedHost:
    for host in core.plan.hosts:
        if name in (host.name, host.port.switch):
            return host
    known = ", ".join(dict.fromkeys(host.port.switch for host in core.plan.hosts))
    raise UnknownError(
        f"there is no host, and no switch with a host, of the name {name!r}; such switches: {known}"
    )


def _way(trace: Trace) -> Answer:
    way: dict[str, Any] = {"outcome": trace.outcome.value, "switches": list(trace.sites)}
    way["spans"] = list(trace.spans)
    if trace.most_labels:
        way["labels"] = [list(stack) for stack in trace.stacks]
    return {**way, "reason": trace.reason} if trace.reason else way


def respond(
    subject: Subject, environment: Mapping[str, Any], start: Callable[..., Any]
) -> Iterable[bytes]:
    """The answer to one HTTP request (a WSGI application)."""
    # Without a question mark in the address there is no such variable.
    asked = parse_qs(environment.get("QUERY_STRING", ""))
    query = {name: values[0] for name, values in asked.items()}
    try:
        status, body = "200 OK", answer(subject, environment["PATH_INFO"].strip("/"), query)
    except UnknownError as error:
        status, body = "404 Not Found", {"error": str(error)}
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"]
