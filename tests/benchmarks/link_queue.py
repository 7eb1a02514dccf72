"""Does the queue in front of a fast span stay as long as its buffer, however long it is full?

In a guest: ./fibercut exec -- python -m tests.benchmarks.link_queue

The buffer is a policer and the line is netem; both count in whole nanoseconds. Were a
packet's time a nanosecond shorter to one than to the other, a queue that is always full
would grow by it with each packet. Frames of 1,500 bytes (payloads of 1,458) take exactly
1,200 ns at 10 Gbit/s, which is where rounding down loses a whole nanosecond.

Exits with 1 if a queue grew by more than one packet, or was ever longer than its buffer.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.benchmarks.link_fidelity import OVERHEAD_BYTES
from tests.emulation.built_networks import Datagrams, connect, datagrams, two_sites
from topologies.build import build_network
from topologies.plan import NetworkPlan

RATE_MBPS = 10_000
PAYLOADS_BYTES = (1472, 1458, 1208, 958, 458)
SENT, BUFFER_MS = 20_000, 0.1
_TOLERANCE_US = 2  # some readings of the clock, 256 ns each in virtual time, while a packet travels
_SAMPLE, _BATCH = 1000, 1000


@dataclass(frozen=True, slots=True)
class Queue:
    """What the packets that passed waited for, in µs: the first and the last when it was full.

    packet_us: how long the line sends one packet.
    """

    payload_bytes: int
    passed: int
    packet_us: float
    early_us: float
    late_us: float
    longest_us: float

    @property
    def growth_us(self) -> float:
        """How much longer the queue became."""
        return self.late_us - self.early_us

    @property
    def holds(self) -> bool:
        """Whether it stayed as long as its buffer."""
        return (
            abs(self.growth_us) < self.packet_us
            and self.longest_us < BUFFER_MS * 1000 + _TOLERANCE_US
            and self.late_us > BUFFER_MS * 1000 - 2 * self.packet_us
        )


def full_queue(payload_bytes: int) -> Queue:
    """Send at about twice the line rate and see how long what passes has waited."""
    plan = two_sites(length_km=1, rate_gbps=RATE_MBPS, scale=1000, buffer_ms=BUFFER_MS)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.fill_caches(payload_bytes)
        packet_us = (payload_bytes + OVERHEAD_BYTES) * 8 / RATE_MBPS
        waits_us = _waits_us(plan, flow, payload_bytes, packet_us)
        flow.close()
    full = waits_us[len(waits_us) // 10 :]
    return Queue(
        payload_bytes, len(waits_us), packet_us, statistics.median(full[:_SAMPLE]),
        statistics.median(full[-_SAMPLE:]), max(waits_us),
    )  # fmt: skip


def _waits_us(
    plan: NetworkPlan, flow: Datagrams, payload_bytes: int, packet_us: float
) -> list[float]:
    others_us = 2 * plan.hosts[0].delay_us + plan.spans[0].delay_us + packet_us * (1 + 2 / 4)
    sent_ns: list[int] = []
    waits_us: list[float] = []
    for batch in range(SENT // _BATCH):
        first = batch * _BATCH
        sent_ns += flow.send_numbered(payload_bytes, first, _BATCH, round(packet_us * 500))
        # Reading takes no virtual time, so that the queue stays full meanwhile.
        for number, received_ns in flow.numbers_so_far():
            waits_us.append((received_ns - sent_ns[number]) / 1000 - others_us)
    return waits_us


def main() -> int:
    """Measure, print, and tell by the exit code."""
    table = Table(title=f"a full queue of {BUFFER_MS * 1000:g} µs at {RATE_MBPS:,} Mbit/s")
    for name in ("payload, bytes", "passed", "packet, µs", "early, µs", "late, µs", "longest, µs"):
        table.add_column(name, justify="right")
    table.add_column("")
    queues = [full_queue(payload_bytes) for payload_bytes in PAYLOADS_BYTES]
    for queue in queues:
        waits = (queue.packet_us, queue.early_us, queue.late_us, queue.longest_us)
        table.add_row(
            f"{queue.payload_bytes:,}", f"{queue.passed:,}", *(f"{us:.3f}" for us in waits),
            "pass" if queue.holds else "FAIL",
        )  # fmt: skip
    Console(width=100).print(table)
    return 0 if all(queue.holds for queue in queues) else 1


if __name__ == "__main__":
    sys.exit(main())
