"""What the sampler of spans tells, beside what was sent and what came."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from experiments.spans.lines import ROWS
from experiments.spans.table import convert_spans
from tests.emulation.built_networks import Datagrams, connect, datagrams, two_sites
from topologies.build import build_network
from topologies.builder.span_lines import span_lines
from topologies.plan import NetworkPlan

EVERY_MS = 10
FRAME_BYTES = 1472 + 42
SENT = 60


@contextmanager
def sampled(plan: NetworkPlan, folder: Path) -> Iterator[int]:
    """Samples until the end of the block; gives the sampler's start, after which to send."""
    lines = folder / "lines.json"
    lines.write_text(json.dumps([asdict(one) for one in span_lines(plan)]))
    start_ns = time.monotonic_ns() + 500_000_000
    command = [
        sys.executable, "-m", "experiments.spans.sampler", "--lines", str(lines),
        "--every-ms", str(EVERY_MS), "--start-at-ns", str(start_ns), "--out", str(folder / ROWS),
    ]  # fmt: skip
    with subprocess.Popen(command) as process:
        yield start_ns
        process.terminate()
    assert process.returncode == 0


def burst(flow: Datagrams, at_ns: int) -> int:
    """Send SENT packets at a moment; how many came."""
    time.sleep((at_ns - time.monotonic_ns()) / 1e9)
    flow.send_many(FRAME_BYTES - 42, SENT)
    return len(flow.received())


def measured(plan: NetworkPlan, folder: Path) -> tuple[pa.Table, int]:
    """The table of the direction that carries a burst 5 ms after the start, and what came."""
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        flow.fill_caches(100)
        with sampled(plan, folder) as start_ns:
            came = burst(flow, start_ns + 5_000_000)
        flow.close()
    convert_spans(folder, plan, start_ns)
    table = parquet.read_table(folder / "spans.parquet")
    back = table.filter(pa.compute.equal(table["to_site"], "west"))
    assert len(back) > 100
    assert sum(back["queue_packets"].to_pylist() + back["dropped_packets"].to_pylist()) == 0
    return table.filter(pa.compute.equal(table["to_site"], "east")), came


@pytest.mark.parametrize("classes", [False, True])
def test_a_queue_is_what_waits_and_not_what_is_on_its_way(tmp_path: Path, classes: bool) -> None:
    plan = two_sites(length_km=6200, rate_gbps=10, scale=1000, buffer_ms=100, classes=classes)
    table, came = measured(plan, tmp_path)
    rows = table.to_pylist()
    packet_ms = FRAME_BYTES * 8 / 10_000
    # The first packet is at the span when the host's line, four times as fast, has sent it.
    at_span_ms = 5 + plan.hosts[0].delay_us / 1000 + packet_ms / 4
    for row in rows:
        gone = (row["t_ms"] - at_span_ms) / packet_ms
        arrived = min(SENT, gone * 4 + 1) if gone >= 0 else 0
        waiting = max(0.0, arrived - max(0.0, gone))
        assert row["queue_packets"] == pytest.approx(waiting, abs=1.5)
        # As the host's own frames: with classes, Open vSwitch's queues do not count them otherwise.
        assert row["queue_bytes"] == row["queue_packets"] * FRAME_BYTES
    assert came == SENT
    assert sum(row["carried_bytes"] for row in rows) == SENT * FRAME_BYTES
    assert sum(row["dropped_packets"] for row in rows) == 0
    full = [row["utilisation"] for row in rows if row["utilisation"] > 0.9]
    # As many as lie wholly in the time in which the line was busy.
    assert SENT * packet_ms / EVERY_MS - 2 < len(full) < SENT * packet_ms / EVERY_MS + 1
    assert max(full) <= 1 + packet_ms / EVERY_MS
    # Nothing comes out of the line before it has travelled.
    first = next(row["t_ms"] for row in rows if row["carried_bytes"])
    assert first >= at_span_ms + plan.spans[0].delay_us / 1000


@pytest.mark.parametrize("classes", [False, True])
def test_what_finds_no_place_is_counted_as_dropped_and_what_the_line_loses_is_not(
    tmp_path: Path, classes: bool
) -> None:
    plan = two_sites(
        length_km=100, rate_gbps=10, scale=1000, buffer_ms=20, classes=classes, base_loss=0.2
    )
    table, came = measured(plan, tmp_path)
    carried = sum(table["carried_bytes"].to_pylist())
    dropped = sum(table["dropped_packets"].to_pylist())
    assert carried == came * FRAME_BYTES
    # A queue of 20 ms, and what leaves while 60 packets come.
    assert dropped == pytest.approx(SENT - 20 / (FRAME_BYTES * 8 / 10_000) - SENT / 4, abs=3)
    assert came < SENT - dropped
