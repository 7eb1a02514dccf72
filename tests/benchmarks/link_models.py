"""What does each way to model a link cost? Packet-hops per second of wall time.

A row of switches with one flow over it, packets spaced as the line spaces them. The
queueing disciplines of the spans are swapped; the hosts' links stay.

Other programs of the machine slow all models of a round alike, so what counts is a model's
ratio to the network as it is built in the same round. Each round begins with another model.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.wall_clock import WallClock
from topologies.build import Network, build_network
from topologies.plan import NetworkPlan, make_plan
from topologies.spec import HostGroup, HostRole, Site, SiteKind, Span, Topology

SWITCHES = 6
ROUNDS = 7
AS_BUILT = "as built"
_PACKETS, _BURST, _EVERY_S = 15_000, 60, 500e-6
_GUEST_OUT = Path("/run/fibercut/out")
_LINE = "rate 1000mbit delay 4900us limit 10000000"
_PRIO = (
    "qdisc replace dev D root handle 10: prio bands 2 priomap" + " 1" * 16,
    f"qdisc add dev D parent 10:1 handle 11: netem {_LINE}",
    f"qdisc add dev D parent 10:2 handle 12: netem {_LINE}",
)
# Other ways, as tc lines for a device D.
OTHERS: Mapping[str, Sequence[str]] = {
    "one netem, limit in packets": (f"qdisc replace dev D root handle 1: netem {_LINE}",),
    "netem (delay) → netem (rate)": (
        "qdisc replace dev D root handle 1: netem delay 4900us limit 10000000",
        "qdisc add dev D parent 1:1 handle 2: netem rate 1000mbit limit 10000",
    ),
    "netem (delay) → tbf → bfifo": (
        "qdisc replace dev D root handle 1: netem delay 4900us limit 10000000",
        "qdisc add dev D parent 1:1 handle 2: tbf rate 1000mbit burst 1700 limit 100000000",
    ),
    "prio → netem, without a policer": _PRIO,
}


def print_models(console: Console, rounds: int = ROUNDS) -> None:
    """Measure all models in rounds and print their medians, with the middle half of the ratios."""
    clock = WallClock(_GUEST_OUT)
    models: list[tuple[str, bool, Sequence[str]]] = [
        (AS_BUILT, False, ()),
        ("as built, with classes", True, ()),
        *((name, False, lines) for name, lines in OTHERS.items()),
    ]
    found: dict[str, list[float]] = {name: [] for name, _, _ in models}
    for turn in range(rounds):
        first = turn % len(models)
        for name, classes, lines in models[first:] + models[:first]:
            found[name].append(_measure(clock, classes, lines))
    clock.close()
    console.print(_table(found))


def _table(found: Mapping[str, Sequence[float]]) -> Table:
    table = Table("link model", "packet-hops/s", "to as built", "middle half")
    for name, rates in found.items():
        ratios = [rate / same for rate, same in zip(rates, found[AS_BUILT], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        table.add_row(
            name, f"{statistics.median(rates):,.0f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"
        )
    return table


def _measure(clock: WallClock, classes: bool, lines: Sequence[str]) -> float:
    plan = _row_of_switches(classes)
    with build_network(plan) as network:
        _connect(plan)
        if lines:
            _swap(plan, lines)
        return _packet_hops_per_s(network, plan, clock)


def _row_of_switches(classes: bool) -> NetworkPlan:
    group = HostGroup(role=HostRole.HOST, rate_gbps=4000)
    last = SWITCHES - 1
    sites = tuple(
        Site(id=f"n{n}", name=f"n{n}", kind=SiteKind.POP, lat_deg=0, lon_deg=0,
             hosts=(group,) if n in (0, last) else ())
        for n in range(SWITCHES)
    )  # fmt: skip
    spans = tuple(
        Span(id=f"s{n}", a=f"n{n}", b=f"n{n + 1}", rate_gbps=1000, length_km=1000)
        for n in range(last)
    )
    topology = Topology(name="row", sites=sites, spans=spans, controller_site="n0")
    return make_plan(topology, 1000, 1000, classes=classes)


def _connect(plan: NetworkPlan) -> None:
    """Everything to the last host."""
    host = plan.hosts[-1]
    for switch, span in zip(plan.switches, (*plan.spans, None), strict=True):
        out = span.a.number if span else host.port.number
        rule = f"ip,nw_dst={host.ip},actions=mod_dl_dst:{host.mac},output:{out}"
        subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", switch.name, rule], check=True)


def _swap(plan: NetworkPlan, lines: Sequence[str]) -> None:
    devices = [port.interface for span in plan.spans for port in (span.a, span.b)]
    batch = [f"qdisc del dev {device} root" for device in devices]
    batch += [line.replace(" D ", f" {device} ") for device in devices for line in lines]
    subprocess.run(["tc", "-batch", "-"], input="\n".join(batch) + "\n", text=True, check=True)


def _packet_hops_per_s(network: Network, plan: NetworkPlan, clock: WallClock) -> float:
    first, last = plan.hosts
    with network.get(first.name).namespace.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to, payload = (last.ip, 9), bytes(1000)
    sender.sendto(payload, to)
    time.sleep(0.5)
    before, begin_s = _delivered(last.port.interface), clock.now_s()
    for _ in range(_PACKETS // _BURST):
        for _ in range(_BURST):
            sender.sendto(payload, to)
        time.sleep(_EVERY_S)
    time.sleep(0.1)
    took_s = clock.now_s() - begin_s
    sender.close()
    delivered = _delivered(last.port.interface) - before
    assert delivered == _PACKETS, f"{delivered} of {_PACKETS} arrived"
    return delivered * (SWITCHES + 1) / took_s


def _delivered(interface: str) -> int:
    return int(Path(f"/sys/class/net/{interface}/statistics/tx_packets").read_text())


if __name__ == "__main__":
    print_models(Console(width=100))
