"""Classes of data under the controller: what is interactive passes, whatever else is sent."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.dataplane import DataPlane, Outcome
from controller.desired import Designer
from controller.policies import policy_named
from tests.emulation.built_networks import Datagrams, datagrams
from tests.emulation.controlled_networks import (
    Controlled,
    Hosts,
    SpanWatch,
    controlled,
    set_carrier,
)
from tests.emulation.probing import SETTLE_S
from tests.emulation.sample_networks import DIAMOND, THREE_LABELS, small
from tests.unit.controller_plans import healthy, single_failures, traces, with_classes
from topologies.plan import NetworkPlan
from topologies.traffic_classes import BEST_EFFORT, INTERACTIVE

RATE_MBPS = 10.0
FULL_BYTES, FRAME_OVERHEAD_BYTES = 1472, 42
FULL_PACKET_US = (FULL_BYTES + FRAME_OVERHEAD_BYTES) * 8 / RATE_MBPS
PROBE_BYTES = 100
# A full packet every millisecond is 121 % of the line, without the probes.
PERIOD_S = 0.001
QUEUES = {"1:2": INTERACTIVE.queue, "1:3": BEST_EFFORT.queue}


def queued(plan: NetworkPlan) -> Counter[tuple[str, int]]:
    """How many packets have passed each queue of data, by the port's device."""
    ports = {port.interface for span in plan.spans for port in (span.a, span.b)}
    done = subprocess.run(["tc", "-s", "-j", "qdisc"], capture_output=True, text=True, check=True)
    return Counter(
        {
            (row["dev"], QUEUES[row["parent"]]): row["packets"]
            for row in json.loads(done.stdout)
            if row["dev"] in ports and row.get("parent") in QUEUES
        }
    )


def test_packets_pass_the_queues_that_the_model_says_after_every_cut(tmp_path: Path) -> None:
    plan = with_classes(small(THREE_LABELS))
    plane = DataPlane(plan, Designer(plan).desired(policy_named("fast-reroute")).rules)
    before = healthy(plan, plane)
    spans = {span.id: span for span in plan.spans}
    most_labels = 0
    with controlled(plan, "fast-reroute", tmp_path) as running:
        hosts = Hosts(running.network, plan)
        for failed in single_failures(plan):
            cut = [spans[name] for name in failed]
            set_carrier(cut, up=False)
            running.wait_for_ends(cut, live=False)
            counted, expected = queued(plan), Counter[tuple[str, int]]()
            for dscp in (BEST_EFFORT.dscp, *INTERACTIVE.dscps.values()):
                for source, target, _ in traces(plan, plane, failed, before):
                    trace = plane.send(source, target, failed, dscp=dscp)
                    assert trace.outcome is Outcome.DELIVERED
                    hosts.send(source, target, b"?", dscp)
                    for site, span, queue in zip(
                        trace.sites, trace.spans, trace.queues, strict=False
                    ):
                        assert queue is not None
                        expected[spans[span].port_at(site).interface, queue] += 1
                    most_labels = max(most_labels, trace.most_labels)
            time.sleep(SETTLE_S)
            assert queued(plan) - counted == expected
            set_carrier(cut, up=True)
            running.wait_for_ends(cut, live=True)
        hosts.close()
        # What the switches say that they hold is what they were told, classes included.
        assert running.stop() == 0
        running.start()
        taken = [event for event in running.events if event["event"] == "stock-taken"]
        assert len(taken) == len(plan.switches)
        assert all(e["wrong"] == e["missing"] == e["extra"] == 0 for e in taken)
    assert most_labels == 3


@dataclass(frozen=True)
class Overload:
    """Probes of the interactive class among more best effort than the spans can carry."""

    probes: Datagrams
    bulk: Datagrams

    def probes_ms(self, seconds: float) -> tuple[list[float | None], float]:
        """The delay of each probe, None if it was lost; the share of best effort that came."""
        sent_ns: list[int] = []
        turns = round(seconds / PERIOD_S)
        start_s = time.monotonic()
        for turn in range(turns):
            self.bulk.send(FULL_BYTES)
            if turn % 2:
                # As many bytes more as there have been probes: so each is told from the others.
                sent_ns.append(self.probes.send(PROBE_BYTES + len(sent_ns)))
            time.sleep(max(0.0, start_s + (turn + 1) * PERIOD_S - time.monotonic()))
        came = dict(self.probes.received())
        numbers = range(len(sent_ns))
        delays = [
            (came[PROBE_BYTES + n] - sent_ns[n]) / 1e6 if PROBE_BYTES + n in came else None
            for n in numbers
        ]
        return delays, len(self.bulk.received()) / turns


@pytest.fixture(params=["fast-reroute", "path-protection"])
def overloaded(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Controlled, Overload]]:
    plan = with_classes(small(DIAMOND))
    slow = tuple(span.model_copy(update={"rate_mbps": RATE_MBPS}) for span in plan.spans)
    plan = plan.model_copy(update={"spans": slow})
    with controlled(plan, request.param, tmp_path) as running:
        ends = (running.network, "west-host1", "east-host1")
        probes, bulk = datagrams(*ends), datagrams(*ends, port=9001)
        probes.set_dscp(INTERACTIVE.dscp)
        for flow in (probes, bulk):
            flow.fill_caches(PROBE_BYTES)
        yield running, Overload(probes, bulk)
        probes.close()
        bulk.close()


def test_an_overload_of_best_effort_costs_interactive_packets_nothing_on_path_and_repair(
    overloaded: tuple[Controlled, Overload],
) -> None:
    running, load = overloaded
    spans = {span.id: span for span in running.plan.spans}
    # The switch north sends back what it cannot send on: west, under a label, by south.
    detour = ["s0", "s0", "s2", "s3"] if running.policy == "fast-reroute" else ["s2", "s3"]
    for way, failed in ((["s0", "s1"], []), (detour, [spans["s1"]])):
        set_carrier(failed, up=False)
        running.wait_for_ends(failed, live=False)
        for flow in (load.probes, load.bulk):
            flow.fill_caches(PROBE_BYTES)
        watch = SpanWatch(running.plan)
        load.probes.delay_ns(PROBE_BYTES)
        [hops] = watch.ways().values()
        watch.close()
        assert [span for span, _ in hops] == way
        labelled = running.policy == "path-protection" or bool(failed)
        assert any(labels for _, labels in hops) == labelled
        delays_ms, share = load.probes_ms(0.6)
        alone_ms = sum(spans[span].delay_us for span in way) / 1000
        # Each span may be sending one packet already, which is not interrupted; then it sends us.
        frame_us = (PROBE_BYTES + 300 + FRAME_OVERHEAD_BYTES) * 8 / RATE_MBPS
        most_ms = alone_ms + len(way) * (FULL_PACKET_US + frame_us + 10) / 1000
        assert all(delay is not None and delay <= most_ms for delay in delays_ms), max(
            delay or 0 for delay in delays_ms
        )
        assert share < 0.9
