"""Does a loaded span ever look like a cut one? BFD while every span carries more than it can.

In a guest: ./fibercut exec -- python -m tests.benchmarks.bfd_under_load --minutes 10
Exits with 1 if BFD reported a span as down, or if the load was not what it was meant to be.

The cost is the packets, so lines are slow and packets large. With `--classes` BFD waits while
such a packet is sent: the line rate is the lowest at which that takes the share _BLOCKED of
BFD's interval, for a slower line would be too slow for its BFD, loaded or not. Without, BFD
has a line of its own, and the rate is _OWN_LINE_MBPS.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.emulation.built_networks import eventually
from topologies.build import BfdTimers, Network, build_network
from topologies.plan import NetworkPlan, make_plan
from topologies.spec import HostGroup, HostRole, Site, SiteKind, Span, Topology

LOADS = (0.95, 1.2)
_SITES = ("west", "north", "east")
_PAYLOAD_BYTES, _FRAME_BYTES = 1472, 1514
_BFD_FRAME_BYTES = 66
# Open vSwitch sends up to a quarter of the interval early (RFC 5880, 6.8.7), in whole
# milliseconds and when it wakes: 102 packets a second were seen at 10 ms.
_MEAN_INTERVAL = 0.98
_BLOCKED = 0.6
_OWN_LINE_MBPS = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened at the spans' six ends together, and the load of each.

    load: the share of the line rate that was offered, with BFD's where it shares the line.
    bfd_pps, bfd_kbps: what BFD itself sends in one direction of a span.
    """

    flaps: int
    dropped: int
    load: float
    bfd_pps: float
    bfd_kbps: float


def line_rate_mbps(bfd: BfdTimers, classes: bool) -> float:
    """The rate of the spans for a pace of BFD."""
    if not classes:
        return _OWN_LINE_MBPS
    return _FRAME_BYTES * 8 / (_BLOCKED * bfd.interval_ms * 1000)


def measure(load: float, duration_s: float, bfd: BfdTimers, *, classes: bool = False) -> Outcome:
    """Send `load` times the line rate into both ends of each span of a triangle."""
    rate_mbps = line_rate_mbps(bfd, classes)
    plan = triangle_plan(rate_mbps, classes)
    ends = [port.interface for span in plan.spans for port in (span.a, span.b)]
    with build_network(plan, bfd=bfd) as network:
        _connect(plan)
        if not eventually(lambda: all_up(ends), 60):
            raise RuntimeError("BFD did not come up")
        before, dropped, control = _bfd(ends), _dropped(ends), control_sent(ends)
        shared = _BFD_FRAME_BYTES * 8 / (_MEAN_INTERVAL * bfd.interval_ms * 1000) / rate_mbps
        share = load - shared if classes else load
        start_s = time.monotonic()
        sent = _send(network, plan, _FRAME_BYTES * 8 / (rate_mbps * 1e6 * share), duration_s)
        took_s = time.monotonic() - start_s
        after, dropped = _bfd(ends), _dropped(ends) - dropped
        packets, octets = (
            (now - then) / took_s / len(ends)
            for now, then in zip(control_sent(ends), control, strict=True)
        )
        flaps = sum(int(after[e]["flap_count"]) - int(before[e]["flap_count"]) for e in ends)
        flaps += sum(after[end]["state"] != "up" for end in ends)
        offered = sent * _FRAME_BYTES / took_s + (octets if classes else 0)
        return Outcome(flaps, dropped, offered * 8 / (rate_mbps * 1e6), packets, octets * 8 / 1000)


def triangle_plan(rate_mbps: float, classes: bool) -> NetworkPlan:
    """Three sites with a host each, a span between each two, and a tenth of a second of queue."""
    group = HostGroup(role=HostRole.HOST, rate_gbps=rate_mbps * 40)
    sites = tuple(
        Site(id=name, name=name, kind=SiteKind.POP, lat_deg=0, lon_deg=0, hosts=(group,))
        for name in _SITES
    )
    spans = tuple(
        Span(id=f"{a}-{b}", a=a, b=b, length_km=500, rate_gbps=rate_mbps)
        for a, b in zip(_SITES, (*_SITES[1:], _SITES[0]), strict=True)
    )
    topology = Topology(name="triangle", sites=sites, spans=spans, controller_site="west")
    return make_plan(topology, 1000, 100, classes=classes)


def _connect(plan: NetworkPlan) -> None:
    """Each switch sends straight to the other two."""
    for switch in plan.switches:
        for host in plan.hosts:
            out = host.port.number
            for span in plan.spans:
                if {span.a.switch, span.b.switch} == {switch.name, host.site}:
                    out = span.port_at(switch.name).number
            rule = f"ip,nw_dst={host.ip},actions=mod_dl_dst:{host.mac},output:{out}"
            command = ["ovs-ofctl", "-O", "OpenFlow13", "add-flow", switch.name, rule]
            subprocess.run(command, check=True)


def _send(network: Network, plan: NetworkPlan, period_s: float, duration_s: float) -> int:
    """A packet from each host to each other, again and again; how many each flow sent."""
    count = round(duration_s / period_s)
    with _senders(network, plan) as senders:
        start_s = time.monotonic()
        for number in range(count):
            for host, sender in senders.items():
                for other in plan.hosts:
                    if other.name != host:
                        sender.sendto(bytes(_PAYLOAD_BYTES), (other.ip, 9))
            time.sleep(max(0, start_s + (number + 1) * period_s - time.monotonic()))
    return count


@contextmanager
def _senders(network: Network, plan: NetworkPlan) -> Iterator[Mapping[str, socket.socket]]:
    found = {}
    for host in plan.hosts:
        with network.get(host.name).namespace.entered():
            found[host.name] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    yield found
    for sender in found.values():
        sender.close()


def all_up(ends: Sequence[str]) -> bool:
    """Whether BFD is up at all these ports."""
    return all(status["state"] == "up" for status in _bfd(ends).values())


def _bfd(ends: Sequence[str]) -> dict[str, dict[str, str]]:
    command = ["ovs-vsctl", "--format=json", "--columns=name,bfd_status", "list", "interface"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = {name: dict(status[1]) for name, status in json.loads(done.stdout)["data"]}
    return {end: {"state": "", "flap_count": "0", **rows[end]} for end in ends}


def _dropped(ends: Sequence[str]) -> int:
    """Packets for which the queues in front of the spans had no place."""
    done = subprocess.run(["tc", "-s", "-j", "qdisc"], capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return sum(row["drops"] for row in rows if row["dev"] in ends and row.get("root"))


def control_sent(ends: Sequence[str]) -> tuple[int, int]:
    """The packets and bytes of network control that have left by these ports so far."""
    done = subprocess.run(["tc", "-s", "-j", "qdisc"], capture_output=True, text=True, check=True)
    # A netem beside the data's, or with classes the first band.
    rows = [
        row
        for row in json.loads(done.stdout)
        if row["dev"] in ends and row.get("parent") in ("10:1", "1:1")
    ]
    return sum(row["packets"] for row in rows), sum(row["bytes"] for row in rows)


def main() -> int:
    """Measure, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--bfd-ms", type=int, default=10)
    parser.add_argument("--multiplier", type=int, default=3)
    parser.add_argument("--classes", action="store_true")
    parser.add_argument("--loads", type=float, nargs="+", default=list(LOADS))
    options = parser.parse_args()
    timers = BfdTimers(options.bfd_ms, options.multiplier)
    table = Table("line, Mbit/s", "load", "virtual min", "data lost", "BFD pps", "kbit/s", "flaps")
    failed = False
    line_mbps = line_rate_mbps(timers, options.classes)
    for load in options.loads:
        found = measure(load, options.minutes * 60, timers, classes=options.classes)
        failed |= found.flaps > 0 or (found.dropped > 0) != (load > 1)
        table.add_row(
            f"{line_mbps:.1f}", f"{found.load:.1%}", f"{options.minutes:g}",
            f"{found.dropped:,}", f"{found.bfd_pps:.0f}", f"{found.bfd_kbps:.1f}",
            str(found.flaps),
        )  # fmt: skip
    Console(width=80).print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
