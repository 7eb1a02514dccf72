"""Does a loaded span ever look like a cut one? BFD while every span carries more than it can.

In a guest: ./fibercut exec -- python -m tests.benchmarks.bfd_under_load --minutes 10
Exits with 1 if BFD reported a span as down, or if the load was not what it was meant to be.
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
_PAYLOAD_BYTES, _FRAME_BYTES = 1400, 1442
_RATE_MBPS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened at the spans' six ends together, and the load of the least loaded one."""

    flaps: int
    dropped: int
    load: float


def measure(load: float, duration_s: float, bfd: BfdTimers, *, classes: bool = False) -> Outcome:
    """Send `load` times the line rate into both ends of each span of a triangle."""
    plan = triangle_plan(classes)
    ends = [port.interface for span in plan.spans for port in (span.a, span.b)]
    with build_network(plan, bfd=bfd) as network:
        _connect(plan)
        if not eventually(lambda: all(s["state"] == "up" for s in _bfd(ends).values()), 60):
            raise RuntimeError("BFD did not come up")
        before, dropped = _bfd(ends), _dropped(ends)
        sent = _send(network, plan, load, duration_s)
        after = _bfd(ends)
        flaps = sum(int(after[e]["flap_count"]) - int(before[e]["flap_count"]) for e in ends)
        flaps += sum(after[end]["state"] != "up" for end in ends)
        offered = sent * _FRAME_BYTES * 8 / duration_s / (_RATE_MBPS * 1e6)
        return Outcome(flaps, _dropped(ends) - dropped, offered)


def triangle_plan(classes: bool) -> NetworkPlan:
    """Three sites with a host each, a span between each two, and a tenth of a second of queue."""
    group = HostGroup(role=HostRole.HOST, rate_gbps=_RATE_MBPS * 40)
    sites = tuple(
        Site(id=name, name=name, kind=SiteKind.POP, lat_deg=0, lon_deg=0, hosts=(group,))
        for name in _SITES
    )
    spans = tuple(
        Span(id=f"{a}-{b}", a=a, b=b, length_km=500, rate_gbps=_RATE_MBPS)
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


def _send(network: Network, plan: NetworkPlan, load: float, duration_s: float) -> int:
    """A packet from each host to each other, again and again; how many each flow sent."""
    period_s = _FRAME_BYTES * 8 / (_RATE_MBPS * 1e6 * load)
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


def main() -> int:
    """Measure, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--bfd-ms", type=int, default=10)
    parser.add_argument("--classes", action="store_true")
    options = parser.parse_args()
    table = Table("load of every span", "virtual minutes", "data dropped", "BFD flaps")
    failed = False
    for load in LOADS:
        timers = BfdTimers(options.bfd_ms, 3)
        found = measure(load, options.minutes * 60, timers, classes=options.classes)
        failed |= found.flaps > 0 or (found.dropped > 0) != (load > 1)
        table.add_row(
            f"{found.load:.1%}", f"{options.minutes:g}", f"{found.dropped:,}", str(found.flaps)
        )
    Console(width=80).print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
