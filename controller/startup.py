"""What must be true before the controller starts; each problem is told in one message."""

from __future__ import annotations

import errno
import importlib.util
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from controller.policies import policy_named
from topologies.plan import NetworkPlan
from topologies.problems import InputError, Problem, dotted, from_validation


def read_plan(path: Path) -> NetworkPlan:
    """The plan in a JSON file. Raises InputError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot read the plan: {error.strerror}; name a file that the builder wrote"
        raise InputError([Problem(str(path), message)]) from error
    try:
        return NetworkPlan.model_validate_json(data)
    except ValidationError as error:
        problems = from_validation(
            error, NetworkPlan, None, lambda location: f"{path}: {dotted(location)}"
        )
        raise InputError(problems) from error


def policy_problems(
    plan: Path | None, events: Path | None, policy: str, protection: str | None
) -> list[Problem]:
    """What keeps a policy from running."""
    problems = [
        Problem(f"--{name}", "a policy needs it; name a file")
        for name, path in (("plan", plan), ("events", events))
        if path is None
    ]
    try:
        policy_named(policy, protection)
    except InputError as error:
        problems += error.problems
    try:
        if plan is not None:
            read_plan(plan)
    except InputError as error:
        problems += error.problems
    return problems


def timer_problems(timers: Mapping[str, float]) -> list[Problem]:
    """Timers that make no sense. Only hold-off and wait-to-restore may be 0."""
    may_be_zero = ("hold_off_s", "wait_to_restore_s")
    return [
        Problem(f"--{name.replace('_', '-')}", f"{value:g} is too small; give a positive number")
        for name, value in timers.items()
        if not (value > 0 or (value == 0 and name in may_be_zero))
    ]


def app_problems(names: list[str]) -> list[Problem]:
    """Ryu applications that do not exist, by module name or path."""
    return [
        Problem("--app", f"there is no Python module or file {name!r}; check its name")
        for name in names
        if not Path(name).is_file() and not _is_module(name)
    ]


def file_problems(events: Path | None) -> list[Problem]:
    """Empty the file for events, or say why that cannot be done."""
    try:
        if events is not None:
            events.write_bytes(b"")
    except OSError as error:
        message = f"cannot write events: {error.strerror}; name a file in a folder of yours"
        return [Problem(str(events), message)]
    return []


def address_problems(host: str, port: int) -> list[Problem]:
    """Why the controller cannot listen there.

    Ryu would not say so: it shares the port with whoever has it, and half of the
    switches go there.
    """
    place = f"{host}:{port}"
    if not 0 < port < 65536:
        return [Problem("--port", f"{port} is not a TCP port; there are 1 to 65535")]
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = "the port is in use, perhaps by another controller; end it or choose --port"
        else:
            reason = os.strerror(error.errno) if error.errno else str(error)
            message = f"cannot listen there ({reason}); choose another --listen or --port"
        return [Problem(place, message)]
    return []


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
