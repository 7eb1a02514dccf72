"""How exact is stock Mininet in the guest? Delay, TCP and UDP over one shaped link.

With the clock virtual: ./fibercut exec -- python -m tests.benchmarks.fidelity
and, to compare, with the wall clock: ./fibercut exec --clock real -- python -m ...
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from rich.console import Console
from rich.table import Table

DELAY_MS = 10
RATE_MBPS = 100
UDP_MBPS = 90
DURATION_S = 5
_POLL_S = 0.05


def measure() -> dict[str, float]:
    """Round trip in ms, TCP goodput in Mbit/s, and the share of UDP datagrams lost."""
    setLogLevel("error")
    with_delay = _two_hosts(delay=f"{DELAY_MS}ms")
    try:
        h1, h2 = with_delay.get("h1", "h2")
        said, _, _ = h1.pexec(["ping", "-q", "-c", "5", "-i", "0.2", h2.IP()])
    finally:
        with_delay.stop()
    shaped = _two_hosts(bw=RATE_MBPS)
    try:
        tcp = _iperf3(shaped, [])
        udp = _iperf3(shaped, ["-u", "-b", f"{UDP_MBPS}M"])
    finally:
        shaped.stop()
    ping = re.search(r"= [\d.]+/([\d.]+)/", said)
    assert ping is not None, said
    return {
        "ping_ms": float(ping[1]),
        "tcp_mbps": tcp["sum_received"]["bits_per_second"] / 1e6,
        "udp_sent": udp["sum"]["packets"],
        "udp_lost": udp["sum"]["lost_packets"],
    }


def _two_hosts(**link: Any) -> Mininet:
    net = Mininet(controller=None, link=TCLink)
    h1, h2 = net.addHost("h1", ip="10.0.0.1/24"), net.addHost("h2", ip="10.0.0.2/24")
    net.addLink(h1, h2, **link)
    net.start()
    net.staticArp()
    return net


def _iperf3(net: Mininet, options: Sequence[str]) -> dict[str, Any]:
    h1, h2 = net.get("h1", "h2")
    server = h2.popen(["iperf3", "-s", "-1"])
    while "5201" not in h2.cmd("ss -Htln"):
        time.sleep(_POLL_S)
    client = ["iperf3", "-J", "-c", h2.IP(), "-t", str(DURATION_S), *options]
    said, complaint, _ = h1.pexec(client)
    server.wait(timeout=DURATION_S)
    end: dict[str, Any] = json.loads(said)["end"]
    assert "sum" in end or "sum_received" in end, complaint
    return end


def main() -> None:
    """Print configured beside measured."""
    found = measure()
    table = Table("quantity", "configured", "measured")
    table.add_row("ping, ms", f"{2 * DELAY_MS:.3f}", f"{found['ping_ms']:.3f}")
    table.add_row("TCP goodput, Mbit/s", f"{RATE_MBPS} (line rate)", f"{found['tcp_mbps']:.1f}")
    lost = f"{found['udp_lost']:.0f} of {found['udp_sent']:,.0f} lost"
    table.add_row("UDP datagrams", f"{UDP_MBPS} Mbit/s", lost)
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
