"""Fibercut's topologies for plain Mininet: `mn --custom topologies/mn.py --topo ai-backbone`.

Each catalogue topology and each formula is a Mininet `Topo` of its name; formulas take their
parameters as Mininet writes them (`--topo torus,4,4,span_km=50`). `--topo fibercut,NAME` is
any topology at all: a TopoHub key or a file. Use `--link tc`, which gives links their rate,
delay, loss and queue. See docs/how-to/mininet-users.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mininet.topo import Topo

# mn is the system's Python, which knows neither this folder nor the packages that the launcher
# put beside it; and it runs this file without `__file__`.
_ROOT = Path(sys._getframe().f_code.co_filename).resolve().parents[1]  # noqa: SLF001
_PACKAGES = _ROOT.glob(f".venv/lib/python3.{sys.version_info.minor}/site-packages")
sys.path[:0] = [str(path) for path in (_ROOT, *_PACKAGES) if str(path) not in sys.path]

from topologies.load import catalogue_names, load_topology  # noqa: E402
from topologies.parametric import FAMILIES  # noqa: E402
from topologies.plan import NetworkPlan, PlannedHost, PlannedSpan, make_plan  # noqa: E402
from topologies.spec import Topology  # noqa: E402

# mininet.link ignores a bandwidth above this, with no more than a line in its log.
MOST_MBPS = 1000.0
_FRAME_BITS = 1514 * 8
_FEWEST_QUEUED = 50


class BackboneTopo(Topo):
    """A topology by name as Mininet's switches, hosts and links.

    scale divides every rate; without it, the smallest power of ten with which every rate is
    one that Mininet takes (1,000 Mbit/s). Raises ValueError for a scale that is too small and
    InputError for a name that is no topology.
    """

    def build(self, name: str, scale: float | None = None) -> None:
        """Called by Mininet's constructor with its arguments."""
        topology = load_topology(name)
        plan = make_plan(topology, scale or fitting_scale(topology))
        fastest = _fastest_mbps(plan)
        if fastest > MOST_MBPS:
            raise ValueError(
                f"scale={scale:g} leaves a link of {fastest:g} Mbit/s, and Mininet ignores rates "
                f"above {MOST_MBPS:g}; use scale={fitting_scale(topology):g} or more"
            )
        for switch in plan.switches:
            self.addSwitch(switch.name, dpid=f"{switch.dpid:016x}")
        for span in plan.spans:
            self._add_span(span)
        for number, host in enumerate(plan.hosts, start=1):
            self._add_host(number, host)

    def _add_span(self, span: PlannedSpan) -> None:
        # Interface names of Mininet's own making may be longer than Linux allows.
        self.addLink(
            span.a.switch, span.b.switch, port1=span.a.number, port2=span.b.number,
            intfName1=span.a.interface, intfName2=span.b.interface,
            loss=span.base_loss * 100 or None,
            **_shaped(span.delay_us, span.rate_mbps, span.buffer_ms),
        )  # fmt: skip

    def _add_host(self, number: int, host: PlannedHost) -> None:
        self.addHost(host.name, ip=f"{host.ip}/8", mac=host.mac)
        self.addLink(
            host.name, host.port.switch, port1=0, port2=host.port.number,
            intfName1=f"h{number}-eth0", intfName2=host.port.interface,
            **_shaped(host.delay_us, host.rate_mbps, host.buffer_ms),
        )  # fmt: skip


def fitting_scale(topology: Topology) -> float:
    """The smallest power of ten that brings every rate within what Mininet takes."""
    fastest = _fastest_mbps(make_plan(topology))
    scale = 1.0
    while fastest / scale > MOST_MBPS:
        scale *= 10
    return scale


def _fastest_mbps(plan: NetworkPlan) -> float:
    rates = [span.rate_mbps for span in plan.spans] + [host.rate_mbps for host in plan.hosts]
    return max(rates, default=0.0)


def _shaped(delay_us: float, rate_mbps: float, buffer_ms: float) -> dict[str, object]:
    # netem keeps the packets in flight in the same queue, and drops what does not fit.
    held = rate_mbps * 1000 * (buffer_ms + delay_us / 1000) / _FRAME_BITS
    return {
        "bw": rate_mbps,
        "delay": f"{delay_us:.3f}us",
        "max_queue_size": max(_FEWEST_QUEUED, round(held)),
    }


def _by_formula(family: str, *values: object, scale: float | None = None, **more: object) -> Topo:
    """`--topo torus,4,4,span_km=50` is the formula `torus:4x4,span_km=50`."""
    words = ["x".join(map(str, values))] if values else []
    words += [f"{key}={value}" for key, value in more.items()]
    return BackboneTopo(f"{family}:{','.join(words)}", scale)


topos: dict[str, Callable[..., Topo]] = {
    **{name: partial(BackboneTopo, name) for name in catalogue_names()},
    **{name: partial(_by_formula, name) for name in FAMILIES},
    "fibercut": BackboneTopo,
}
