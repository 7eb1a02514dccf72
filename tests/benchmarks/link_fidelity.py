"""Is a link what it was declared to be? Delay, rate and loss, configured beside measured.

In a guest: ./fibercut exec -- python -m tests.benchmarks.link_fidelity
Every span of the shipped catalogue instead: ... --catalogue
What each way to model a link costs: ... --models

Exits with 1 if anything is outside its tolerance: 1 µs + 0.1 % of the delay, 0.5 % of the
rate, and the interval that 99.9 % of the trials of such a loss fall in.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import exp, lgamma, log, log1p

from rich.console import Console
from rich.table import Table

from tests.benchmarks.link_models import print_models
from tests.emulation.built_networks import Datagrams, connect, datagrams, two_sites
from topologies.build import build_network
from topologies.load import catalogue_names, load_topology
from topologies.plan import NetworkPlan, PlannedSpan, make_plan

OVERHEAD_BYTES = 42  # Ethernet, IPv4 and UDP headers
LENGTHS_KM = (1, 80, 1000, 6200, 9000)
RATES_MBPS = (1, 10, 100, 1000, 10_000, 100_000)
LOSSES = (0.001, 0.005, 0.02, 0.05)
_SMALL_BYTES, _FULL_BYTES = 100, 1472
_FULL_COUNT, _LOSS_COUNT, _LOSS_BATCH = 1000, 20_000, 500
_CONFIDENCE = 0.999
_SCALE = 1000.0


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity: the measured value passes from `least` to `most`."""

    link: str
    quantity: str
    configured: str
    measured: float
    least: float
    most: float

    @property
    def passed(self) -> bool:
        """Whether the measured value is within the tolerance."""
        return self.least <= self.measured <= self.most


def delay_and_rate(length_km: float, rate_mbps: float, classes: bool) -> list[Row]:
    """The one-way delay in both directions of a span without load, and its rate under load."""
    plan = two_sites(
        length_km=length_km,
        rate_gbps=rate_mbps,
        scale=1000,
        buffer_ms=60_000,
        classes=classes,
        delays_us=(length_km * 4.9, length_km * 5.0),
    )
    link = f"{length_km:,} km, {rate_mbps:,} Mbit/s{', classes' if classes else ''}"
    return span_rows(link, plan)


def catalogue_span(name: str, span: PlannedSpan) -> list[Row]:
    """One span of a catalogue's topology, by itself."""
    delays_us = span.delay_us, span.delay_us if span.delay_back_us is None else span.delay_back_us
    plan = two_sites(
        rate_gbps=span.rate_mbps, scale=1000, buffer_ms=60_000, delays_us=delays_us,
        base_loss=span.base_loss, classes=span.classes,
    )  # fmt: skip
    return span_rows(f"{name} {span.id}", plan)


def span_rows(link: str, plan: NetworkPlan) -> list[Row]:
    """Delay both ways and rate of the span of a plan of two sites."""
    with build_network(plan) as network:
        connect(plan)
        back = datagrams(network, "east-host1", "west-host1")
        there = datagrams(network, "west-host1", "east-host1")
        rows = [
            _delay_row(f"{link} {way}", plan, flow, delay_us)
            for way, flow, delay_us in (
                ("→", there, plan.spans[0].delay_us),
                ("←", back, plan.spans[0].delay_back_us or plan.spans[0].delay_us),
            )
        ]
        rows.append(_rate_row(link, plan, there))
        there.close()
        back.close()
    return rows


def _delay_row(link: str, plan: NetworkPlan, flow: Datagrams, delay_us: float) -> Row:
    flow.send(_SMALL_BYTES)  # fills the switches' caches
    flow.received()
    measured_us = flow.delay_ns(_SMALL_BYTES) / 1000
    bits = (_SMALL_BYTES + OVERHEAD_BYTES) * 8
    others_us = 2 * plan.hosts[0].delay_us + 2 * bits / plan.hosts[0].rate_mbps
    others_us += bits / plan.spans[0].rate_mbps
    tolerance_us = 1 + delay_us / 1000
    return Row(
        link, "delay, µs", f"{delay_us:,.3f}", measured_us - others_us,
        delay_us - tolerance_us, delay_us + tolerance_us,
    )  # fmt: skip


def _rate_row(link: str, plan: NetworkPlan, flow: Datagrams) -> Row:
    flow.send_many(_FULL_BYTES, _FULL_COUNT)
    times_ns = [time_ns for _, time_ns in flow.received()]
    bits = (len(times_ns) - 1) * (_FULL_BYTES + OVERHEAD_BYTES) * 8
    rate_mbps = plan.spans[0].rate_mbps
    measured_mbps = bits / (times_ns[-1] - times_ns[0]) * 1000 if len(times_ns) > 1 else 0
    return Row(
        link, "rate, Mbit/s", f"{rate_mbps:,g}", measured_mbps,
        rate_mbps * 0.995, rate_mbps * 1.005,
    )  # fmt: skip


def loss(share: float, classes: bool) -> list[Row]:
    """The packets lost of many, over a span that loses some at all times."""
    plan = two_sites(rate_gbps=1000, scale=1000, buffer_ms=60_000, base_loss=share, classes=classes)
    with build_network(plan) as network:
        connect(plan)
        flow = datagrams(network, "west-host1", "east-host1")
        lost = 0
        for _ in range(_LOSS_COUNT // _LOSS_BATCH):
            flow.send_many(_SMALL_BYTES, _LOSS_BATCH)
            lost += _LOSS_BATCH - len(flow.received())
        flow.close()
    least, most = binomial_interval(_LOSS_COUNT, share, _CONFIDENCE)
    link = f"1,000 km, 1,000 Mbit/s{', classes' if classes else ''}"
    configured = f"{_LOSS_COUNT * share:g} ({share:.1%})"
    return [Row(link, f"lost of {_LOSS_COUNT:,}", configured, lost, least, most)]


def binomial_interval(count: int, share: float, confidence: float) -> tuple[int, int]:
    """The smallest and the largest number of hits that `confidence` of all samples fall between."""
    tail = (1 - confidence) / 2
    below, least = 0.0, 0
    for hits in range(count + 1):
        below += exp(
            lgamma(count + 1) - lgamma(hits + 1) - lgamma(count - hits + 1)
            + hits * log(share) + (count - hits) * log1p(-share)
        )  # fmt: skip
        if below <= tail:
            least = hits + 1
        if below >= 1 - tail:
            return least, hits
    return least, count


def measured() -> Iterator[Row]:
    """All rows of the table."""
    for classes in (False, True):
        for measure in (
            *(partial(delay_and_rate, km, rate) for rate in RATES_MBPS for km in LENGTHS_KM),
            *(partial(loss, share) for share in LOSSES),
        ):
            yield from measure(classes)


def measured_catalogue() -> Iterator[Row]:
    """All rows of the catalogue's spans; equal ones of a topology are measured once."""
    for name in catalogue_names():
        spans = make_plan(load_topology(name), _SCALE).spans
        different = {(s.delay_us, s.delay_back_us, s.rate_mbps, s.base_loss): s for s in spans}
        for span in different.values():
            yield from catalogue_span(name, span)


def main() -> int:
    """Measure, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--models", action="store_true", help="packet-hops per wall second")
    choice.add_argument("--catalogue", action="store_true", help="the catalogue's own spans")
    options = parser.parse_args()
    console = Console(width=100)
    if options.models:
        print_models(console)
        return 0
    table = Table("link", "quantity", "configured", "measured", "")
    failed = 0
    for row in measured_catalogue() if options.catalogue else measured():
        failed += not row.passed
        verdict = "pass" if row.passed else "FAIL"
        table.add_row(row.link, row.quantity, row.configured, f"{row.measured:,.3f}", verdict)
    console.print(table)
    console.print(f"{failed} of {table.row_count} outside the tolerance")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
