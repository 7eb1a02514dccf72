"""From a trial's snapshots of counters to the rate of each span. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.by_hand.files import END
from topologies.plan import NetworkPlan

_NS_PER_US = 1000
_BITS = 8
# The columns of /proc/net/dev behind the name: bytes, packets, … received, then sent.
_SENT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The bytes that each interface had sent at a moment (CLOCK_MONOTONIC)."""

    t_ns: int
    sent_bytes: Mapping[str, int]


def parse_snapshot(text: str) -> Snapshot | None:
    """The snapshot in a file's text; None if it is not whole (it is being written)."""
    first, _, rest = text.partition("\n")
    if not rest.endswith(f"{END}\n"):
        return None
    sent = {}
    for line in rest.splitlines():
        name, colon, columns = line.partition(":")
        values = columns.split()
        if colon and len(values) > _SENT_BYTES and values[0].isdigit():
            sent[name.strip()] = int(values[_SENT_BYTES])
    return Snapshot(int(first), sent)


def utilisation(plan: NetworkPlan, before: Snapshot, after: Snapshot) -> list[list[float]]:
    """Of each of the plan's spans: the share of its rate sent from a to b, and from b to a.

    Between two snapshots; an interface that is not there sends nothing.
    """
    us = (after.t_ns - before.t_ns) / _NS_PER_US

    def share(interface: str, rate_mbps: float) -> float:
        was, now = before.sent_bytes.get(interface), after.sent_bytes.get(interface)
        if was is None or now is None or us <= 0:
            return 0.0
        return round(max(0, now - was) * _BITS / us / rate_mbps, 4)

    return [
        [share(end.interface, span.rate_mbps) for end in (span.a, span.b)] for span in plan.spans
    ]
