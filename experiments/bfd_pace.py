"""Has BFD taken up its pace? Until then a failure is noticed in seconds (RFC 5880, 6.8.3)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from topologies.build import BfdTimers

_SHOWN = re.compile(r"^\s+([^:\n]+): (?:Approx |now )?(\S+?)(?:ms)?$", re.MULTILINE)


@dataclass(frozen=True)
class Session:
    """One end of a span: its intervals, and when it sends and gives up next, from now on."""

    state: str
    tx_interval_ms: int
    rx_interval_ms: int
    next_tx_ms: int
    detection_ms: int

    def has(self, timers: BfdTimers) -> bool:
        """Whether it sends as often, and gives up as soon, as it was told to."""
        intervals = {self.tx_interval_ms, self.rx_interval_ms}
        soon = self.detection_ms <= timers.interval_ms * timers.multiplier
        now = self.next_tx_ms <= timers.interval_ms
        return self.state == "up" and intervals == {timers.interval_ms} and soon and now


def without_pace(timers: Mapping[str, BfdTimers]) -> set[str]:
    """The interfaces whose sessions are not up yet, or not as fast as they should be."""
    sessions = _sessions()
    return {
        name
        for name, wanted in timers.items()
        if name not in sessions or not sessions[name].has(wanted)
    }


def _sessions() -> dict[str, Session]:
    said = subprocess.run(
        ["ovs-appctl", "bfd/show"], check=True, capture_output=True, text=True
    ).stdout
    found = {}
    for part in said.split("---- ")[1:]:
        shown = dict(_SHOWN.findall(part))
        found[part.split()[0]] = Session(
            state=shown["Local Session State"],
            tx_interval_ms=int(shown["TX Interval"]),
            rx_interval_ms=int(shown["RX Interval"]),
            next_tx_ms=int(shown["Next TX Time"]),
            detection_ms=int(shown["Detect Time"]),
        )
    return found
