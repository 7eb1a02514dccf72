"""The kernel's tools that break links: each checked, none through a shell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from experiments.faults.kind import FaultError
from topologies.plan import PlannedSpan


def ends(spans: Iterable[PlannedSpan]) -> list[str]:
    """The devices of both ends of each span."""
    return [end.interface for span in spans for end in (span.a, span.b)]


def batch(tool: str, lines: Iterable[str]) -> None:
    """Run a tool's commands in one process. Raises FaultError if one is refused."""
    done = subprocess.run(
        [tool, "-batch", "-"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FaultError(f"{tool} refused: {done.stderr.strip() or done.stdout.strip()}")


def drop_arriving(devices: Iterable[str], action: str = "drop", *, hook: str = "ingress") -> None:
    """Every packet that a device receives (or sends: hook `egress`) meets an action."""
    batch(
        "tc",
        [
            line
            for device in devices
            for line in (
                f"qdisc add dev {device} clsact",
                f"filter add dev {device} {hook} matchall action {action}",
            )
        ],
    )


def pass_again(devices: Iterable[str]) -> None:
    """Undo `drop_arriving`."""
    batch("tc", [f"qdisc del dev {device} clsact" for device in devices])


def dropped_packets(device: str, hook: str = "ingress") -> int:
    """How many packets have met the action of `drop_arriving`."""
    filters = output(["tc", "-s", "-j", "filter", "show", "dev", device, hook])
    return sum(
        int(action.get("stats", {}).get("packets", 0))
        for entry in json.loads(filters or "[]")
        for action in entry.get("options", {}).get("actions", [])
    )


def qdiscs(device: str) -> Iterator[dict[str, Any]]:
    """The queueing disciplines of a device with their counters, as `tc -s -j` tells them."""
    yield from json.loads(output(["tc", "-s", "-j", "qdisc", "show", "dev", device]) or "[]")


def output(command: Sequence[str]) -> str:
    """What a command prints. Raises FaultError if it fails."""
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise FaultError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
